import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '../../test/support/free-port.ts'

export interface Environment {
  [name: string]: string
}

/** Installs packages, or those of `package.json`. */
export const INSTALL = 'npm install --ignore-scripts --no-audit --no-fund --prefer-offline'

/** For builds: Prisma would download its schema engine, which generating does not use. */
export const BUILDING: Environment = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, NEXT_TELEMETRY_DISABLED: '1' }

/** How long a command may take, in ms: an installation on a busy machine is the longest. */
const COMMAND_TIMEOUT = 900_000

/** How long a server may take until it answers, in ms. */
const START_TIMEOUT = 240_000

/** Runs a command in a shell. @returns its standard output @throws Error with all that it wrote */
export async function runShell(command: string, cwd: string, environment: Environment = {}): Promise<string> {
  const env = { ...process.env, ...environment }
  try {
    const { stdout } = await promisify(execFile)('sh', ['-c', command], {
      ...{ cwd, env, maxBuffer: 64 * 1024 * 1024, timeout: COMMAND_TIMEOUT },
    })
    return stdout
  } catch (error) {
    const { stdout, stderr, killed } = error as { stdout: string; stderr: string; killed: boolean }
    const how = killed ? `took more than ${COMMAND_TIMEOUT / 1000} s` : 'failed'
    throw new Error(`${command} ${how}:\n${stdout}${stderr}`)
  }
}

/** A command that runs until it is stopped. */
export class Running {
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>
  readonly #command: string
  #text = ''

  constructor(command: string, cwd: string, environment: Environment) {
    this.#command = command
    // A group of its own, so that what npm and the shell started is stopped, too.
    this.#child = spawn('sh', ['-c', command], {
      ...{ cwd, env: { ...process.env, ...environment }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    })
    this.#closed = once(this.#child, 'close')
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#text += text
      })
    }
  }

  /** What it wrote so far, to both of its streams. */
  get text(): string {
    return this.#text
  }

  /** Waits until a question has an answer. @throws Error if the command ends, or takes too long */
  async until<T>(ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
    for (const end = Date.now() + START_TIMEOUT; Date.now() < end; await setTimeout(100)) {
      const answer = await ask()
      if (answer !== undefined) return answer
      if (this.#child.exitCode !== null) break
    }
    throw new Error(`${this.#command}:\n${this.#text}`)
  }

  /** Stops it as a platform does, and waits until nothing of it runs. @returns what it wrote */
  async stop(): Promise<string> {
    if (this.#child.exitCode === null && this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGTERM')
    await this.#closed
    return this.#text
  }
}

/** Starts a server, asks it for a path as soon as it listens, and stops it. @returns the answer, from JSON */
export async function askServer(
  command: string,
  cwd: string,
  environment: Environment,
  path: string,
): Promise<unknown> {
  const port = await freePort()
  const server = new Running(command, cwd, { ...environment, PORT: String(port), HOSTNAME: '127.0.0.1' })
  try {
    const response = await server.until(() => fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined))
    const text = await response.text()
    if (!response.ok) throw new Error(`${command}: ${response.status} ${text}\n${server.text}`)
    return JSON.parse(text)
  } finally {
    await server.stop()
  }
}
