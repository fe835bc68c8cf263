import type { IsolationLevel, SqlQuery, SqlResultSet, Transaction } from '@prisma/driver-adapter-utils'
import { EntraError } from '../../src/errors/entra-error.ts'
import type { GenerationPool } from '../../src/rotation/pool.ts'
import type { Lease } from '../../src/token/lease.ts'
import { defaultRefreshTiming, hardDeadline } from '../../src/token/refresh-policy.ts'
import { type SimClock, second } from './clock.ts'
import type { Session, SimServer } from './server.ts'

const ACQUIRE_TIMEOUT = 30 * second
const IDLE_TIMEOUT = 30 * second
const CREATE_RETRY = 200

interface Waiter {
  resolve(session: Session): void
  reject(error: unknown): void
}

/** What a pool tells those who watch it. */
export interface PoolWatch {
  /** A connection was opened, or one is logging in. */
  onConnecting(pool: SimPool): void
  onTerminate(pool: SimPool): void
}

/**
 * A pool that behaves as that of mssql over tarn does: connects once to try, opens connections as work asks for them,
 * lends the one that was used last, looks at it before, fails the first in the queue when a login fails.
 */
export class SimPool implements GenerationPool {
  readonly provider = 'sqlserver'
  readonly adapterName = 'simulated'
  readonly max: number
  readonly acquireTimeout = ACQUIRE_TIMEOUT
  readonly client: number
  readonly lease: Lease
  readonly #clock: SimClock
  readonly #server: SimServer
  readonly #watch: PoolWatch
  readonly #sessions = new Set<Session>()
  readonly #used = new Set<Session>()
  readonly #loggingIn = new Set<Session>()
  #free: { session: Session; since: number }[] = []
  #waiting: Waiter[] = []
  #destroyed = false
  #gone: (() => void) | undefined
  #reaping = false
  #loginsFail = false

  constructor(client: number, max: number, lease: Lease, clock: SimClock, server: SimServer, watch: PoolWatch) {
    this.client = client
    this.max = max
    this.lease = lease
    this.#clock = clock
    this.#server = server
    this.#watch = watch
  }

  /** Connects once, as mssql does, and closes that connection again. */
  async probe(signal: AbortSignal): Promise<void> {
    const { session, ready } = this.#connect()
    const onAbort = () => this.terminate()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await ready
      signal.throwIfAborted()
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#close(session, 'probe')
    }
  }

  async queryRaw({ sql, args }: SqlQuery): Promise<SqlResultSet> {
    const session = await this.#acquire()
    try {
      await this.#server.execute(session, { id: sql, duration: Number(args[0]) })
      return { columnNames: [], columnTypes: [], rows: [] }
    } finally {
      this.#release(session)
    }
  }

  async executeRaw(query: SqlQuery): Promise<number> {
    await this.queryRaw(query)
    return 1
  }

  async executeScript(script: string): Promise<void> {
    await this.queryRaw({ sql: script, args: [0], argTypes: [] })
  }

  /** The name of the transaction stands where the isolation level would. */
  async startTransaction(name?: IsolationLevel): Promise<Transaction> {
    const transaction = String(name)
    const session = await this.#acquire()
    const send = (id: string, duration = 0) => this.#server.execute(session, { id, duration, transaction })
    const end = (id: string) => send(id).finally(() => this.#release(session))
    try {
      await send(`${transaction}.begin`)
    } catch (error) {
      this.#release(session)
      throw error
    }
    const run = ({ sql, args }: SqlQuery) => send(sql, Number(args[0]))
    return {
      provider: this.provider,
      adapterName: this.adapterName,
      options: { usePhantomQuery: true },
      queryRaw: (query) => run(query).then(() => ({ columnNames: [], columnTypes: [], rows: [] })),
      executeRaw: (query) => run(query).then(() => 1),
      commit: () => end(`${transaction}.commit`),
      // The driver knows of a connection that has ended, and sends nothing.
      rollback: async () => {
        if (session.state === 'open' && this.lease.timeLeft > 0) {
          await end(`${transaction}.rollback`)
        } else this.#release(session)
      },
      createSavepoint: (savepoint) => send(`${transaction}.${savepoint}`),
      rollbackToSavepoint: (savepoint) => send(`${transaction}.to.${savepoint}`),
    }
  }

  connectionCount(): number {
    return this.#sessions.size
  }

  /** Work opens what it needs. */
  async prepare(): Promise<void> {}

  async warmUp(count: number, atOnce: number): Promise<void> {
    const wanted = Math.min(count, this.max)
    const borrowed: Session[] = []
    try {
      while (borrowed.length < wanted) {
        const logins = Math.min(atOnce, wanted - borrowed.length)
        const results = await Promise.allSettled(Array.from({ length: logins }, () => this.#acquire()))
        for (const result of results) if (result.status === 'fulfilled') borrowed.push(result.value)
        const failed = results.find((result) => result.status === 'rejected')
        if (failed !== undefined) throw failed.reason
      }
    } finally {
      for (const session of borrowed) this.#release(session)
    }
  }

  lendable(): number {
    return this.#used.size + this.#free.length
  }

  get loginsFail(): boolean {
    return this.#loginsFail
  }

  closeIdle(): void {
    for (const { session } of this.#free) this.#close(session, 'idle')
    this.#free = []
  }

  explain(error: unknown): unknown {
    return error
  }

  terminate(): void {
    this.#watch.onTerminate(this)
    for (const session of [...this.#sessions]) this.#close(session, 'terminated')
  }

  /** Waits for logins and for borrowed connections, and gives up who waits for one. */
  dispose(): Promise<void> {
    this.#destroyed = true
    return new Promise((resolve) => {
      this.#gone = resolve
      this.#finish()
    })
  }

  get disposed(): boolean {
    return this.#destroyed
  }

  get sessions(): ReadonlySet<Session> {
    return this.#sessions
  }

  /** Connections that work runs on. */
  get busy(): number {
    return this.#used.size
  }

  get loggingIn(): number {
    return this.#loggingIn.size
  }

  /** Work that the pool has been asked to run: at work, or waiting for a connection of its. */
  get load(): number {
    return this.#used.size + this.#waiting.length
  }

  /** Whether work would find no connection and none could be opened for it. */
  get exhausted(): boolean {
    return this.#used.size + this.#loggingIn.size >= this.max
  }

  #acquire(): Promise<Session> {
    if (this.#destroyed) return Promise.reject(notSent('Connection is closing'))
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(ACQUIRE_TIMEOUT, () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter)
        reject(new AcquireTimeout())
      })
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T) => {
          timer.cancel()
          how(value)
        }
      const waiter: Waiter = { resolve: settle(resolve), reject: settle(reject) }
      this.#waiting.push(waiter)
      this.#serve()
    })
  }

  #release(session: Session): void {
    if (!this.#used.delete(session)) return
    this.#free.push({ session, since: this.#clock.now })
    this.#reapLater()
    this.#serve()
    this.#finish()
  }

  /** Lends what is free, or opens what is wanted. */
  #serve(): void {
    if (this.#destroyed) return
    while (this.#free.length > 0 && this.#waiting.length > 0) {
      const session = this.#free.pop()?.session
      if (session === undefined) return
      if (this.lease.timeLeft > 0 && session.state === 'open') {
        this.#used.add(session)
        this.#waiting.shift()?.resolve(session)
      } else this.#close(session, 'not valid')
    }
    while (
      this.#used.size + this.#free.length + this.#loggingIn.size < this.max &&
      this.#loggingIn.size < this.#waiting.length
    ) {
      this.#create()
    }
  }

  #create(): void {
    if (this.lease.timeLeft <= 0) {
      this.#waiting.shift()?.reject(notSent('The token of this pool has expired.'))
      return
    }
    const { session, ready } = this.#connect()
    this.#loggingIn.add(session)
    ready.then(
      () => {
        this.#loginsFail = false
        this.#loggingIn.delete(session)
        this.#free.push({ session, since: this.#clock.now })
        this.#reapLater()
        this.#serve()
        this.#finish()
      },
      (error: unknown) => {
        this.#loggingIn.delete(session)
        this.#loginsFail = true
        if (!this.#destroyed) {
          this.#waiting.shift()?.reject(error)
          this.#clock.after(CREATE_RETRY, () => this.#serve())
        }
        this.#finish()
      },
    )
  }

  #connect(): { session: Session; ready: Promise<void> } {
    const { token } = this.lease
    const freshUntil = hardDeadline(this.lease, defaultRefreshTiming)
    const login = this.#server.connect(this.client, { token, freshUntil })
    this.#sessions.add(login.session)
    login.session.onEnd = () => this.#sessions.delete(login.session)
    this.#watch.onConnecting(this)
    return login
  }

  #close(session: Session, why: string): void {
    this.#server.close(session, why)
  }

  /** Closes what was idle for long. */
  #reapLater(): void {
    if (this.#reaping) return
    this.#reaping = true
    this.#clock.after(IDLE_TIMEOUT, () => {
      this.#reaping = false
      const latest = this.#clock.now - IDLE_TIMEOUT
      for (const { session, since } of this.#free) if (since <= latest) this.#close(session, 'idle')
      this.#free = this.#free.filter(({ session }) => session.state !== 'closed')
      if (this.#free.length > 0 && !this.#destroyed) this.#reapLater()
    })
  }

  #finish(): void {
    if (this.#gone === undefined || this.#loggingIn.size > 0 || this.#used.size > 0) return
    for (const waiter of this.#waiting) waiter.reject(notSent('aborted'))
    this.#waiting = []
    this.closeIdle()
    this.#gone()
    this.#gone = undefined
  }
}

/** What tarn rejects with; no error of a token or a connection. */
export class AcquireTimeout extends Error {
  override readonly name = 'TimeoutError'
}

function notSent(why: string): EntraError {
  return new EntraError('NOT_SENT', `The connection was closed before the statement was sent (${why}).`)
}
