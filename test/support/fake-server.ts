import type { IsolationLevel, SqlQuery, SqlResultSet, Transaction } from '@prisma/driver-adapter-utils'
import type { ClientConnection } from '../../src/client/client-connection.ts'
import type { CloseReason } from '../../src/events.ts'
import type { Clock } from '../../src/time/clock.ts'
import type { Lease } from '../../src/token/lease.ts'

/** A statement that reached a {@link FakeServer}. */
export interface Statement {
  sql: string
  /** The connection it came on, by number. */
  connection: number
  at: number
  /** When the token of that connection expires. */
  expiresOn: number
}

/** A server in memory, on a test's clock. The SQL `after N …` takes N ms. */
export class FakeServer {
  readonly clock: Clock
  /** How long a login takes, in ms. */
  loginTime = 0
  /** How long an answer takes, in ms. */
  roundTrip = 0
  /** Called at each login: throws what refuses it. */
  onLogin: (lease: Lease) => void = () => {}
  /** What a statement on a connection fails with. */
  refusal: (connection: FakeConnection, sql: string) => Error | undefined = () => undefined
  /** Where its name leads. */
  address: string | undefined
  logins = 0
  readonly statements: Statement[] = []
  readonly open = new Set<FakeConnection>()
  /** The most connections at once, those that log in included. */
  mostOpen = 0
  #loggingIn = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Opens a connection, as the driver does. */
  readonly connect = async (lease: Lease, signal: AbortSignal): Promise<FakeConnection> => {
    const number = ++this.logins
    this.#loggingIn++
    this.mostOpen = Math.max(this.mostOpen, this.open.size + this.#loggingIn)
    try {
      await this.wait(this.loginTime, signal)
      this.onLogin(lease)
      const connection = new FakeConnection(number, lease, this)
      this.open.add(connection)
      return connection
    } finally {
      this.#loggingIn--
    }
  }

  wait(delay: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      if (delay === 0) {
        resolve()
        return
      }
      const timer = this.clock.setTimer(delay, resolve)
      signal?.addEventListener('abort', () => {
        timer.cancel()
        reject(signal.reason)
      })
    })
  }
}

/** One session of a {@link FakeServer}. */
export class FakeConnection implements ClientConnection {
  readonly number: number
  readonly lease: Lease
  readonly address: string | undefined
  readonly #server: FakeServer
  readonly #running = new Set<(error: Error) => void>()
  closedBy: CloseReason | undefined
  inTransaction = false
  isMoving = false
  /** Whether the other end answers; what is sent where it does not hangs. */
  answers = true
  validations = 0
  isolationLevel: IsolationLevel = 'READ COMMITTED'
  /** The next statements fail with these, in order. */
  readonly failures: Error[] = []
  #ended = false
  #onEnd: (() => void) | undefined

  constructor(number: number, lease: Lease, server: FakeServer) {
    this.number = number
    this.lease = lease
    this.address = server.address
    this.#server = server
  }

  get isUsable(): boolean {
    return !this.#ended && this.closedBy === undefined && !this.inTransaction && !this.isMoving
  }

  async validate(): Promise<boolean> {
    this.validations++
    try {
      await this.#send('SELECT 1', 0)
      return true
    } catch {
      return false
    }
  }

  async queryRaw({ sql }: SqlQuery): Promise<SqlResultSet> {
    await this.#run(sql)
    return { columnNames: ['connection'], columnTypes: [0], rows: [[this.number]] }
  }

  async executeRaw({ sql }: SqlQuery): Promise<number> {
    await this.#run(sql)
    return this.number
  }

  executeScript(script: string): Promise<void> {
    return this.#run(script)
  }

  async startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction> {
    await this.#run('BEGIN')
    this.inTransaction = true
    this.isolationLevel = isolationLevel ?? this.isolationLevel
    const end = async (sql: string) => {
      await this.#run(sql)
      this.inTransaction = false
    }
    return {
      provider: 'sqlserver',
      adapterName: 'fake',
      options: { usePhantomQuery: true },
      queryRaw: (query) => this.queryRaw(query),
      executeRaw: (query) => this.executeRaw(query),
      commit: () => end('COMMIT'),
      rollback: () => end('ROLLBACK'),
      createSavepoint: (name) => this.#run(`SAVE ${name}`),
      rollbackToSavepoint: (name) => this.#run(`ROLLBACK TO ${name}`),
    }
  }

  async restoreIsolationLevel(used: IsolationLevel | undefined): Promise<void> {
    if (used === undefined || !this.isUsable) return
    await this.#run('SET TRANSACTION ISOLATION LEVEL READ COMMITTED')
    this.isolationLevel = 'READ COMMITTED'
  }

  close(reason: CloseReason): void {
    this.closedBy ??= reason
    this.#end()
  }

  /** The other end, or the network, ends it. */
  drop(): void {
    this.#end()
  }

  onEnd(listener: () => void): void {
    if (this.#ended) queueMicrotask(listener)
    else this.#onEnd = listener
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#server.open.delete(this)
    queueMicrotask(() => this.#onEnd?.())
    // As tedious says it for a request that is under way.
    for (const fail of this.#running) fail(Object.assign(new Error('socket hang up'), { code: 'ESOCKET' }))
  }

  async #run(sql: string): Promise<void> {
    if (this.#ended) throw Object.assign(new Error('Not logged in.'), { code: 'EINVALIDSTATE' })
    const { clock } = this.#server
    const { expiresOn } = this.lease
    this.#server.statements.push({ sql, connection: this.number, at: clock.now(), expiresOn })
    const failure = this.failures.shift() ?? this.#server.refusal(this, sql)
    await this.#send(sql, Number(/^after (\d+)/.exec(sql)?.[1] ?? 0))
    if (failure !== undefined) throw failure
  }

  #send(_sql: string, time: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#running.add(reject)
      const settle = () => {
        this.#running.delete(reject)
        resolve()
      }
      if (!this.answers) return
      const delay = time + this.#server.roundTrip
      if (delay === 0) settle()
      else this.#server.clock.setTimer(delay, settle)
    })
  }
}
