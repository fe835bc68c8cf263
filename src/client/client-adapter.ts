import type {
  ConnectionInfo,
  IsolationLevel,
  SqlDriverAdapter,
  SqlQuery,
  SqlResultSet,
  Transaction,
} from '@prisma/driver-adapter-utils'
import { pauseAfter } from '../driver/driver-errors.ts'
import type { Failure } from '../errors/entra-error.ts'
import { prismaError } from '../errors/prisma-error.ts'
import { isAtLimit } from '../login/refusals.ts'
import { connectRetryInterval } from '../login/retry.ts'
import type { Pool } from '../pool/pool.ts'
import { Stopwatch } from '../time/clock.ts'
import { holdEventLoop } from '../time/event-loop.ts'
import { type ClientConnection, failedOn, noteWrite } from './client-connection.ts'
import { ClientTransaction } from './client-transaction.ts'
import { type FailureCounts, mayRunAgain, type Work } from './rerun.ts'
import { isRead, mentionsWrite } from './sql-text.ts'

/** What Prisma shows of an adapter. */
export const ADAPTER_NAME = 'prisma-adapter-mssql-entra'

/** The driver adapter that Prisma Client holds: each piece of work runs on a connection that the pool lends for it. */
export class ClientAdapter implements SqlDriverAdapter {
  readonly provider = 'sqlserver'
  readonly adapterName = ADAPTER_NAME
  readonly #pool: Pool<ClientConnection>
  readonly #connectionInfo: ConnectionInfo
  readonly #onDisposed: () => void
  readonly #retryReads: boolean

  /**
   * @param onDisposed - called when the pool is closed
   * @param retryReads - whether what certainly only reads is run again even if it may have run
   */
  constructor(
    pool: Pool<ClientConnection>,
    connectionInfo: ConnectionInfo,
    onDisposed: () => void,
    retryReads = false,
  ) {
    this.#retryReads = retryReads
    this.#pool = pool
    this.#connectionInfo = connectionInfo
    this.#onDisposed = onDisposed
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return this.#attempt('statement', (connection) => connection.queryRaw(query), query)
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#attempt('statement', (connection) => connection.executeRaw(query), query)
  }

  /** Runs the script as one batch: it is not split at semicolons, and `GO` is not a statement. */
  executeScript(script: string): Promise<void> {
    return this.#attempt('script', (connection) => connection.executeScript(script))
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

  async #attempt<T>(kind: Work, work: (connection: ClientConnection) => Promise<T>, query?: SqlQuery): Promise<T> {
    const { clock, random, settings } = this.#pool.context
    const started = new Stopwatch(clock)
    const counts: FailureCounts = {}
    try {
      for (let again = false; ; again = true) {
        let connection: ClientConnection | undefined
        // Reads continue: the old primary answers them.
        if (this.#pool.writes.isShut && (counts['read-only'] !== undefined || mayWrite(kind, query))) {
          connection = await holdEventLoop(this.#pool.writes.pass(kind === 'begin', started))
        }
        if (connection === undefined) {
          const acquired = this.#pool.acquire(again ? started : undefined)
          connection = acquired instanceof Promise ? await holdEventLoop(acquired) : acquired
        }
        try {
          const result = await work(connection)
          // A transaction gives it back when it ends.
          if (query !== undefined) noteWrite(this.#pool, connection, query)
          if (kind !== 'begin') this.#pool.release(connection)
          return result
        } catch (raw) {
          const { error, failure } = failedOn(connection, this.#pool, raw)
          this.#pool.release(connection)
          if (failure === undefined) throw error
          counts[failure] = (counts[failure] ?? 0) + 1
          const left = started.left(settings.connectRetryTimeout)
          if (!mayRunAgain(this.#kindOf(kind, query), this.#meaningOf(failure), counts) || left <= 0) throw error
          // What the server refused needs a moment; what it has not seen goes to another connection at once.
          if (failure === 'unavailable' || (failure === 'read-only' && !this.#pool.writes.isShut)) {
            const interval = connectRetryInterval(counts[failure], random(), settings, !isAtLimit(error))
            const pause = Math.max(interval, pauseAfter(error))
            if (pause > left) throw error
            await holdEventLoop(this.#pool.pause(pause))
          }
        }
      }
    } catch (error) {
      throw prismaError(error)
    }
  }

  #kindOf(kind: Work, query: SqlQuery | undefined): Work {
    return this.#retryReads && kind === 'statement' && query !== undefined && isRead(query.sql) ? 'read' : kind
  }

  /** A database that has taken writes has become read-only because it moves. */
  #meaningOf(failure: Failure): Failure {
    return failure === 'read-only' && this.#pool.context.hasWritten ? 'unavailable' : failure
  }
}

function mayWrite(kind: Work, query: SqlQuery | undefined): boolean {
  return kind !== 'statement' || query === undefined || mentionsWrite(query.sql)
}
