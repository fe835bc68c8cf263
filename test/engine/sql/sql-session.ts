import type { EngineLogin, EngineSession, IsolationLevel, Parameter, ResultItem, SqlType } from '../session.ts'
import { type Batch, readBatch } from './batch.ts'
import { DatabaseConnection } from './connection.ts'
import type { Databases } from './databases.ts'
import { Interpreter, lockTimeoutOf } from './interpreter.ts'
import { SqlError } from './sql-error.ts'
import { TransactionState } from './transaction.ts'
import { typeName } from './types.ts'

/** How many parsed batches to cache. */
const MOST_BATCHES = 300

/** The state that lasts between the batches of a session. */
export interface SessionState {
  readonly login: EngineLogin
  readonly databases: Databases
  connection: DatabaseConnection
  transaction: TransactionState
  rowCount: number
  lastError: number
  options: { noCount: boolean; fmtOnly: boolean; xactAbort: boolean; identityInsert: string; lockTimeout: number }
  cancelled: boolean
}

const freshOptions = () => ({ noCount: false, fmtOnly: false, xactAbort: false, identityInsert: '', lockTimeout: -1 })

/** A session of SQL Server's dialect, on its own PostgreSQL connection. */
export class SqlSession implements EngineSession {
  readonly #state: SessionState
  readonly #batches = new Map<string, Batch>()

  private constructor(state: SessionState) {
    this.#state = state
  }

  /** @throws {@link SqlError} 4060 if there is no such database */
  static async open(login: EngineLogin, databases: Databases): Promise<SqlSession> {
    const database = await databases.find(login.database || 'master')
    if (database === undefined) {
      const message = `Cannot open database "${login.database}" requested by the login. The login failed.`
      throw new SqlError(4060, message, 11)
    }
    return new SqlSession({
      login,
      databases,
      connection: await DatabaseConnection.open(database, databases),
      transaction: new TransactionState(),
      rowCount: 0,
      lastError: 0,
      options: freshOptions(),
      cancelled: false,
    })
  }

  get database(): string {
    return this.#state.connection.database
  }

  async *execute(sql: string, parameters: Parameter[]): AsyncGenerator<ResultItem> {
    this.#state.cancelled = false
    let batch: Batch
    try {
      batch = await this.#read(sql, parameters)
    } catch (error) {
      if (!(error instanceof SqlError)) throw error
      this.#state.lastError = error.number
      yield { kind: 'error', ...error.toMessage() }
      return
    }
    yield* new Interpreter(this.#state, batch, parameters).run()
  }

  /**
   * SQL Server restores what a dynamic SQL string has set when it ends (Microsoft Learn, "SET Statements (Transact-SQL)",
   * considerations).
   */
  async *executeSql(sql: string, parameters: Parameter[]): AsyncGenerator<ResultItem> {
    const { options, transaction } = this.#state
    const before = { ...options }
    const { isolation } = transaction
    try {
      yield* this.execute(sql, parameters)
    } finally {
      const isChanged = options.lockTimeout !== before.lockTimeout
      Object.assign(options, before)
      transaction.isolation = isolation
      if (isChanged) await this.#state.connection.script(lockTimeoutOf(before.lockTimeout)).catch(() => {})
    }
  }

  async #read(sql: string, parameters: Parameter[]): Promise<Batch> {
    const key = `${parameters.map(({ name, type }) => `${name} ${typeName(type)}`).join()}\n${sql}`
    const known = this.#batches.get(key)
    if (known !== undefined) return known
    const types = new Map<string, SqlType>(parameters.map(({ name, type }) => [name.toLowerCase(), type]))
    const batch = readBatch(sql, types, (await this.#state.connection.catalogue()).opened())
    if (this.#batches.size >= MOST_BATCHES) this.#batches.delete(this.#batches.keys().next().value ?? '')
    this.#batches.set(key, batch)
    return batch
  }

  begin(isolation: IsolationLevel | undefined): AsyncGenerator<ResultItem> {
    if (isolation !== undefined) this.#state.transaction.isolation = isolation
    return this.#guarded(this.#state.transaction.begin(this.#state.connection))
  }

  commit(): AsyncGenerator<ResultItem> {
    return this.#guarded(this.#state.transaction.commit(this.#state.connection))
  }

  rollback(name: string): AsyncGenerator<ResultItem> {
    return this.#guarded(this.#state.transaction.rollback(this.#state.connection, name))
  }

  save(name: string): AsyncGenerator<ResultItem> {
    return this.#guarded(this.#state.transaction.save(this.#state.connection, name))
  }

  async *#guarded(items: AsyncGenerator<ResultItem>): AsyncGenerator<ResultItem> {
    try {
      yield* items
    } catch (error) {
      if (!(error instanceof SqlError)) throw error
      yield { kind: 'error', ...error.toMessage() }
    }
  }

  async reset(): Promise<void> {
    const { connection, login } = this.#state
    if (this.#state.transaction.depth > 0) await connection.script('ROLLBACK')
    this.#state.transaction = new TransactionState()
    this.#state.options = freshOptions()
    this.#state.rowCount = 0
    await connection.script('SELECT pg_advisory_unlock_all(); SET lock_timeout = 0')
    const home = await this.#state.databases.find(login.database || 'master')
    if (home !== undefined && home !== connection.database) {
      await connection.close()
      this.#state.connection = await DatabaseConnection.open(home, this.#state.databases)
    }
  }

  cancel(): void {
    this.#state.cancelled = true
    const { processID } = this.#state.connection.client as unknown as { processID: number }
    void this.#state.databases.cancel(processID).catch(() => {})
  }

  close(): Promise<void> {
    return this.#state.connection.close()
  }
}
