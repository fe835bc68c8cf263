import type { SqlQuery, SqlResultSet, Transaction } from '@prisma/driver-adapter-utils'
import type { Clock } from '../../src/clock.ts'
import type { GenerationPool, OpenPool } from '../../src/rotation/pool.ts'
import type { Lease } from '../../src/token/lease.ts'

/** A statement that ran on a {@link FakePool}. */
export interface Statement {
  sql: string
  /** The pool it ran on, by number. */
  pool: number
  at: number
  /** When the token of its connection expires. */
  expiresOn: number
}

/** A pool without a network: each query ends when the test's clock says so. The SQL `after N` takes N ms. */
export class FakePool implements GenerationPool {
  readonly provider = 'sqlserver'
  readonly adapterName = 'fake'
  readonly max = 10
  readonly acquireTimeout = 30_000
  readonly number: number
  readonly lease: Lease
  readonly #pools: FakePools
  readonly #running = new Set<(error: Error) => void>()
  warmed = 0
  disposed = false
  terminated = false

  constructor(number: number, lease: Lease, pools: FakePools) {
    this.number = number
    this.lease = lease
    this.#pools = pools
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return this.#run(query.sql).then(() => ({ columnNames: [], columnTypes: [], rows: [[this.number]] }))
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#run(query.sql).then(() => this.number)
  }

  async executeScript(script: string): Promise<void> {
    await this.#run(script)
  }

  async startTransaction(isolationLevel?: string): Promise<Transaction> {
    await this.#run(`BEGIN ${isolationLevel ?? ''}`.trim())
    return {
      provider: this.provider,
      adapterName: this.adapterName,
      options: { usePhantomQuery: true },
      queryRaw: (query) => this.queryRaw(query),
      executeRaw: (query) => this.executeRaw(query),
      commit: () => this.#run('COMMIT'),
      rollback: () => this.#run('ROLLBACK'),
      createSavepoint: (name) => this.#run(`SAVE ${name}`),
      rollbackToSavepoint: (name) => this.#run(`ROLLBACK TO ${name}`),
    }
  }

  connectionCount(): number {
    return this.disposed ? 0 : Math.min(Math.max(this.warmed, this.#running.size), this.max)
  }

  async warmUp(count: number): Promise<void> {
    await this.#pools.onWarmUp?.(count)
    this.warmed = count
  }

  prepared = 0

  async prepare(): Promise<void> {
    this.prepared++
    await this.#pools.onPrepare?.()
  }

  lendable(): number {
    return this.connectionCount()
  }

  get loginsFail(): boolean {
    return this.#pools.loginsFail
  }

  closeIdle(): void {
    this.warmed = 0
  }

  explain(error: unknown): unknown {
    return error
  }

  terminate(): void {
    this.terminated = true
    for (const fail of this.#running) fail(new Error('connection cut'))
  }

  async dispose(): Promise<void> {
    this.disposed = true
  }

  #run(sql: string): Promise<void> {
    this.#pools.statements.push({
      sql,
      pool: this.number,
      at: this.#pools.clock.now(),
      expiresOn: this.lease.expiresOn,
    })
    if (this.disposed) return Promise.reject(new Error('the pool is closed'))
    const failure = this.#pools.failing.get(sql)?.shift()
    if (failure !== undefined) return Promise.reject(failure)
    const [, duration] = /^after (\d+)/.exec(sql) ?? []
    if (sql === 'fail') return Promise.reject(new Error('the statement failed'))
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        timer.cancel()
        this.#running.delete(fail)
        reject(error)
      }
      const timer = this.#pools.clock.setTimer(Number(duration ?? 0), () => {
        this.#running.delete(fail)
        resolve()
      })
      this.#running.add(fail)
    })
  }
}

/** Opens {@link FakePool}s, and remembers them. */
export class FakePools {
  readonly clock: Clock
  readonly opened: FakePool[] = []
  readonly statements: Statement[] = []
  /** How long opening takes, in ms. */
  openDelay = 0
  /** The next pools fail to open with these errors, in order. */
  readonly failures: Error[] = []
  /** What every pool says of its last login. */
  loginsFail = false
  readonly failing = new Map<string, Error[]>()
  onPrepare: (() => Promise<void>) | undefined
  onWarmUp: ((count: number) => Promise<void>) | undefined

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** The next runs of this statement fail with these errors, in order. */
  failStatements(sql: string, ...errors: Error[]): void {
    this.failing.set(sql, errors)
  }

  readonly open: OpenPool = async (lease, signal) => {
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort)
      this.clock.setTimer(this.openDelay, () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      })
    })
    const failure = this.failures.shift()
    if (failure !== undefined) throw failure
    const pool = new FakePool(this.opened.length + 1, lease, this)
    this.opened.push(pool)
    return pool
  }
}
