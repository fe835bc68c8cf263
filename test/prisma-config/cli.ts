import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { vi } from 'vitest'
import type { EntraDatasourceOptions } from '../../src/prisma-config.ts'
import type { LocalAzure } from '../local-azure.ts'

const here = dirname(fileURLToPath(import.meta.url))
const resolve = createRequire(import.meta.url).resolve
const CLI = join(dirname(resolve('prisma/package.json')), 'build/index.js')
const BIN = join(here, '../../node_modules/.bin')

/** More than the slowest command takes on the slowest machine, in ms. */
const TIMEOUT = 180_000

/** How a command ended, and what it wrote. */
export interface Ended {
  code: number | null
  output: string
}

export interface RunOptions {
  /** For its standard input. */
  input?: string
  options?: EntraDatasourceOptions
  /** Parts of the config of the server. */
  server?: object
  /** A host that stands for 127.0.0.1. */
  host?: string
  /** The folder of `schema.prisma` and `migrations`. @defaultValue the example's */
  folder?: string
}

/** Prisma's own commands in the project beside this file, signed in as App Service's managed identity would be. */
export class PrismaCli {
  readonly #azure: LocalAzure
  /** A folder of its own, removed at the end. */
  readonly folder: string
  readonly #engine: string

  private constructor(azure: LocalAzure, folder: string, engine: string) {
    this.#azure = azure
    this.folder = folder
    this.#engine = engine
  }

  static async open(azure: LocalAzure): Promise<PrismaCli> {
    const folder = await mkdtemp(join(tmpdir(), 'prisma-commands-'))
    return new PrismaCli(azure, folder, await makeEngine(folder))
  }

  close(): Promise<void> {
    return rm(this.folder, { recursive: true })
  }

  /** Runs a command to its end. Fails where a process of it is left behind. */
  async run(args: string[], { input = '', options = {}, server = {}, host, folder }: RunOptions = {}): Promise<Ended> {
    const config = this.#azure.config(server)
    const env = {
      ...process.env,
      // As npx has it: a seed command is found there.
      PATH: [BIN, process.env.PATH].join(delimiter),
      ...this.#azure.authority.environment('app-service'),
      PRISMA_SCHEMA_ENGINE_BINARY: this.#engine,
      ENTRA_DATASOURCE: JSON.stringify({ server: config, options, host, folder }),
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
      NO_COLOR: '1',
    }
    // A process group of its own, by which what it started is found.
    const detached = process.platform !== 'win32'
    const child = spawn(process.execPath, [CLI, ...args], { cwd: join(here, 'project'), env, detached, stdio: 'pipe' })
    const ended = new Promise<number | null>((done) => child.once('exit', done))
    const timer = setTimeout(() => killGroup(child), TIMEOUT)
    child.stdin.end(input)
    const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
    clearTimeout(timer)
    if (detached) await vi.waitFor(() => mustBeGone(child), { timeout: 10_000 })
    return { code, output: stdout + stderr }
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
}

function mustBeGone({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 0)
  } catch {
    return
  }
  throw new Error(`A process of the group ${pid} is left.`)
}

/** An executable for `PRISMA_SCHEMA_ENGINE_BINARY`: the stand-in as one file, since each command starts it twice. */
export async function makeEngine(folder: string): Promise<string> {
  const bundle = join(folder, 'schema-engine.mjs')
  const nothing = join(folder, 'nothing.cjs')
  await writeFile(nothing, '')
  await build({
    entryPoints: [join(here, 'schema-engine/main.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    // The driver loads it at its start, and signs in with a password here.
    alias: { '@azure/identity': nothing },
  })
  const file = join(folder, 'schema-engine')
  await writeFile(file, `#!/bin/sh\nexec '${process.execPath}' '${bundle}' "$@"\n`)
  await chmod(file, 0o755)
  return file
}
