import type {
  ConnectionInfo,
  IsolationLevel,
  SqlDriverAdapter,
  SqlQuery,
  SqlResultSet,
  Transaction,
} from '@prisma/driver-adapter-utils'
import { prismaError } from '../errors/prisma-error.ts'
import { failureOf } from '../login/failure.ts'
import type { Pool } from '../pool/pool.ts'
import { holdEventLoop } from '../time/event-loop.ts'
import { type ClientConnection, explainOn, reportFailure } from './client-connection.ts'
import { ClientTransaction } from './client-transaction.ts'
import { type FailureCounts, mayRunAgain, type Work } from './rerun.ts'

/** What Prisma shows of an adapter. */
export const ADAPTER_NAME = 'prisma-adapter-mssql-entra'

/** The driver adapter that Prisma Client holds: each piece of work runs on a connection that the pool lends for it. */
export class ClientAdapter implements SqlDriverAdapter {
  readonly provider = 'sqlserver'
  readonly adapterName = ADAPTER_NAME
  readonly #pool: Pool<ClientConnection>
  readonly #connectionInfo: ConnectionInfo
  readonly #onDisposed: () => void

  /** @param onDisposed - called when the pool is closed */
  constructor(pool: Pool<ClientConnection>, connectionInfo: ConnectionInfo, onDisposed: () => void) {
    this.#pool = pool
    this.#connectionInfo = connectionInfo
    this.#onDisposed = onDisposed
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return this.#attempt('statement', (connection) => connection.queryRaw(query))
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#attempt('statement', (connection) => connection.executeRaw(query))
  }

  /** Runs the script as one batch: it is not split at semicolons, and `GO` is not a statement. */
  executeScript(script: string): Promise<void> {
    return this.#attempt('statement', (connection) => connection.executeScript(script))
  }

  /** A transaction that could not be begun has done nothing yet, so BEGIN is run again. */
  startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction> {
    return this.#attempt('begin', async (connection) => {
      const transaction = await connection.startTransaction(isolationLevel)
      return new ClientTransaction(transaction, isolationLevel, connection, this.#pool)
    })
  }

  getConnectionInfo(): ConnectionInfo {
    return this.#connectionInfo
  }

  dispose(): Promise<void> {
    return this.#pool.close().finally(this.#onDisposed)
  }

  async #attempt<T>(kind: Work, work: (connection: ClientConnection) => Promise<T>): Promise<T> {
    const started = this.#pool.startWork()
    const counts: FailureCounts = {}
    try {
      for (let again = false; ; again = true) {
        const acquired = this.#pool.acquire(again ? started : undefined)
        const connection = acquired instanceof Promise ? await holdEventLoop(acquired) : acquired
        try {
          const result = await work(connection)
          // A transaction gives it back when it ends.
          if (kind === 'statement') this.#pool.release(connection)
          return result
        } catch (raw) {
          const error = explainOn(connection, raw)
          const failure = failureOf(error, true)
          if (failure !== undefined) counts[failure] = (counts[failure] ?? 0) + 1
          reportFailure(this.#pool, connection, failure, error)
          this.#pool.release(connection)
          if (!mayRunAgain(kind, failure, counts) || started.left(this.#pool.workTimeout) <= 0) throw error
        }
      }
    } catch (error) {
      throw prismaError(error)
    }
  }
}
