import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

export interface RunOptions {
  /** @defaultValue the repository's root */
  cwd?: string
  env?: Record<string, string>
  /** Show what the command writes as it writes it, instead of giving it back. @defaultValue false */
  show?: boolean
}

/**
 * Runs a program to its end.
 *
 * @returns what it wrote to its standard output
 * @throws Error with what it wrote, where it failed
 */
export function run(program: string, args: readonly string[], options: RunOptions = {}): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    stdio: options.show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error !== undefined) throw error
  if (status !== 0) {
    const wrote = options.show ? '' : `\n${stdout}${stderr}`
    throw new Error(`${[program, ...args].join(' ')} ended with ${status}${wrote}`)
  }
  return stdout
}

/** Runs a JavaScript file with this Node. */
export function runNode(args: readonly string[], options: RunOptions = {}): string {
  return run(process.execPath, args, options)
}

/** Runs npm; from `npm run` it is the npm that runs us. */
export function runNpm(args: readonly string[], options: RunOptions = {}): string {
  const cli = process.env.npm_execpath
  return cli === undefined ? run('npm', args, options) : runNode([cli, ...args], options)
}

/** Generates the client of `prisma/` in a folder, or of another schema; any executable will do for the engine, which generating does not use. */
export function generateClient(folder: string, schema?: string): void {
  const named = schema === undefined ? [] : ['--schema', schema]
  runNode([join(folder, 'node_modules/prisma/build/index.js'), 'generate', '--no-hints', ...named], {
    cwd: folder,
    env: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath },
  })
}
