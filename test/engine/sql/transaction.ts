import type { IsolationLevel, ResultItem } from '../session.ts'
import type { DatabaseConnection } from './connection.ts'
import { SqlError } from './sql-error.ts'

/** With row versioning, the default of Azure SQL: readers never wait. */
const LEVELS: Readonly<Record<IsolationLevel, string>> = {
  'READ UNCOMMITTED': 'READ COMMITTED',
  'READ COMMITTED': 'READ COMMITTED',
  'REPEATABLE READ': 'REPEATABLE READ',
  SNAPSHOT: 'REPEATABLE READ',
  SERIALIZABLE: 'SERIALIZABLE',
}

const STATEMENT = '"mssql statement"'

/** The transaction of a session: `@@TRANCOUNT`, savepoints, and failed statements that do not end it. */
export class TransactionState {
  /** `@@TRANCOUNT`. */
  depth = 0
  isolation: IsolationLevel = 'READ COMMITTED'
  #changedSchema = false

  async *begin(connection: DatabaseConnection, isolation = this.isolation): AsyncGenerator<ResultItem> {
    if (this.depth++ > 0) return
    await connection.script(`BEGIN ISOLATION LEVEL ${LEVELS[isolation]}`)
    yield { kind: 'transaction', change: 'begin' }
  }

  async *commit(connection: DatabaseConnection): AsyncGenerator<ResultItem> {
    if (this.depth === 0) {
      throw new SqlError(3902, 'The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.')
    }
    if (--this.depth > 0) return
    try {
      await connection.script('COMMIT')
    } finally {
      this.#ended(connection)
    }
    yield { kind: 'transaction', change: 'commit' }
  }

  async *rollback(connection: DatabaseConnection, name: string): AsyncGenerator<ResultItem> {
    if (this.depth === 0) {
      throw new SqlError(3903, 'The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.')
    }
    if (name !== '') {
      await connection.script(`ROLLBACK TO SAVEPOINT ${savepoint(name)}`).catch(() => {
        throw new SqlError(6401, `Cannot roll back ${name}. No transaction or savepoint of that name was found.`)
      })
      return
    }
    this.depth = 0
    await connection.script('ROLLBACK')
    this.#ended(connection)
    yield { kind: 'transaction', change: 'rollback' }
  }

  async *save(connection: DatabaseConnection, name: string): AsyncGenerator<ResultItem> {
    if (this.depth === 0) throw new SqlError(628, 'Cannot issue SAVE TRANSACTION when there is no active transaction.')
    await connection.script(`SAVEPOINT ${savepoint(name)}`)
    yield { kind: 'done' }
  }

  /** Runs one statement in a savepoint, so the transaction survives its failure. */
  async statement<T>(connection: DatabaseConnection, run: () => Promise<T>): Promise<T> {
    if (this.depth === 0) return run()
    await connection.script(`SAVEPOINT ${STATEMENT}`)
    try {
      const result = await run()
      await connection.script(`RELEASE SAVEPOINT ${STATEMENT}`)
      return result
    } catch (error) {
      await connection.script(`ROLLBACK TO SAVEPOINT ${STATEMENT}; RELEASE SAVEPOINT ${STATEMENT}`)
      throw error
    }
  }

  /**
   * SQL Server's SERIALIZABLE locks what it reads. If two transactions each change what the other has read, one becomes
   * a deadlock victim. PostgreSQL would report that only at COMMIT, so SERIALIZABLE transactions lock tables here.
   */
  async lockTables(connection: DatabaseConnection, tables: readonly string[], change: boolean): Promise<void> {
    if (this.depth === 0 || this.isolation !== 'SERIALIZABLE' || tables.length === 0) return
    const lock = change ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared'
    await connection.query(`SELECT ${lock}(hashtextextended(name, 1)) FROM unnest($1::text[]) AS name`, [[...tables]])
  }

  schemaChanged(connection: DatabaseConnection): void {
    this.#changedSchema = this.depth > 0
    connection.schemaChanged()
  }

  /** Makes the changed schema visible to other sessions, or the old one to this session again. */
  #ended(connection: DatabaseConnection): void {
    if (this.#changedSchema) connection.schemaChanged()
    this.#changedSchema = false
  }
}

function savepoint(name: string): string {
  return `"${name.toLowerCase().replaceAll('"', '""')}"`
}
