import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { config as MssqlConfig } from 'mssql'
import type { PrismaMssqlEntraOptions } from '../../../src/index.ts'

/** What the script does. */
export interface Script {
  /** @defaultValue ours */
  adapter?: 'ours' | 'official'
  config: MssqlConfig
  /** Of our adapter. @defaultValue managed identity */
  credential?: 'managed identity' | 'silent'
  /** Of our adapter. */
  rotation?: PrismaMssqlEntraOptions['rotation']
  /** What the official adapter signs in with. */
  token?: string
  /** Whether it calls `$disconnect`. */
  disconnect: boolean
}

/** How a script ended. */
export interface Ending {
  /** Its exit code; null where it had to be killed. */
  code: number | null
  /** What it wrote, line by line. */
  lines: string[]
  errors: string
}

const PROGRAM = fileURLToPath(new URL('./script.ts', import.meta.url))

/** A script that has not ended by itself after this, in ms, is killed. */
const PATIENCE = 60_000

/** Runs the script as a process of its own. @param env - added to this process's own */
export async function runScript(script: Script, env: Record<string, string>): Promise<Ending> {
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM], {
    env: { ...process.env, ...env, SCRIPT: JSON.stringify(script) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
  const [[code], out, errors] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)])
  clearTimeout(patience)
  return { code, lines: out.split('\n').filter((line) => line !== ''), errors }
}
