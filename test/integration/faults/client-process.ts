import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import type { config as MssqlConfig } from 'mssql'
import { afterEach, expect } from 'vitest'
import { useBundledProgram } from '../../support/bundled-program.ts'
import type { Answer, ControlMessage } from './client-program.ts'
import type { FaultyAzure } from './support.ts'
import { until } from './time.ts'

/** A separate process with a Prisma Client, signed in as a managed identity. */
export class ClientProcess {
  readonly #child: ChildProcess
  readonly #azure: FaultyAzure

  constructor(program: string, azure: FaultyAzure) {
    this.#azure = azure
    this.#child = fork(program, {
      execArgv: [],
      env: { ...process.env, ...azure.authority.environment('app-service') },
    })
  }

  /** Connects and runs one query. */
  connect(config: Partial<MssqlConfig> = {}): Promise<Answer> {
    const { db, gateway } = this.#azure
    const options = { cryptoCredentialsDetails: { ca: gateway.ca } }
    return this.#send({ connect: db.azure.config({ port: gateway.port, options, ...config }) })
  }

  /** Runs this many queries at once. */
  query(count: number): Promise<Answer> {
    return this.#send({ query: count })
  }

  /** Blocks the process for this many ms, then runs a query before any event arrives. `end()` waits for it. */
  blockAndQuery(delay: number): Promise<Answer> {
    return this.#send({ blockAndQuery: delay })
  }

  /** Begins a statement. `end()` waits for it. */
  begin(statement: string): Promise<Answer> {
    return this.#send({ begin: statement })
  }

  /** Opens a transaction and adds a user with this address in it. `end()` lets it continue to its COMMIT. */
  transaction(email: string): Promise<Answer> {
    return this.#send({ transaction: email })
  }

  /** Waits for the work that was begun and returns its outcome. */
  end(): Promise<Answer> {
    return this.#send({ end: true })
  }

  /** Resolves when the process is stopped. */
  async freeze(): Promise<void> {
    this.#child.kill('SIGSTOP')
    await until(() => expect(stateOf(this.#child.pid)).toMatch(/^T/))
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  /** Disconnects and waits for the process to exit. @returns its exit code */
  async disconnect(): Promise<number | null> {
    const exit = once(this.#child, 'exit')
    this.#child.send({ disconnect: true } satisfies ControlMessage)
    const [code] = await exit
    return code
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }

  async #send(message: ControlMessage): Promise<Answer> {
    const over = new AbortController()
    const told = { signal: over.signal }
    const ended = once(this.#child, 'exit', told).then(() => {
      throw new Error('The process has ended.')
    })
    const answered = once(this.#child, 'message', told)
    this.#child.send(message)
    try {
      const [answer] = await Promise.race([answered, ended])
      return answer as Answer
    } finally {
      for (const promise of [answered, ended]) promise.catch(() => {})
      over.abort()
    }
  }
}

/** The state of a process in `ps`: `T` if it is stopped. */
function stateOf(pid: number | undefined): string {
  return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).trim()
}

/** Starts processes for the tests of a file, and kills those still running after a test. */
export function useClientProcesses(azure: FaultyAzure): () => ClientProcess {
  const program = useBundledProgram('test/integration/faults/client-program.ts')
  const processes: ClientProcess[] = []
  afterEach(() => Promise.all(processes.splice(0).map((process) => process.kill())))
  return () => {
    const made = new ClientProcess(program(), azure)
    processes.push(made)
    return made
  }
}
