import type {
  IsolationLevel,
  SqlQuery,
  SqlResultSet,
  Transaction,
  TransactionOptions,
} from '@prisma/driver-adapter-utils'
import { isOfRolledBack } from '../driver/driver-errors.ts'
import { EntraError } from '../errors/entra-error.ts'
import { prismaError } from '../errors/prisma-error.ts'
import { failureOf } from '../login/failure.ts'
import type { Pool } from '../pool/pool.ts'
import {
  type ClientConnection,
  explainOn,
  noteWrite,
  reportFailure,
  statementExpired,
  transactionExpired,
  transactionInterrupted,
  transactionRefused,
} from './client-connection.ts'

/**
 * A transaction on one connection, which is given back when the transaction has ended. Statements run one after the
 * other, and each checks the clock just before it is sent. None is ever run again.
 */
export class ClientTransaction implements Transaction {
  readonly provider: Transaction['provider']
  readonly adapterName: string
  readonly options: TransactionOptions
  readonly #inner: Transaction
  readonly #isolationLevel: IsolationLevel | undefined
  readonly #connection: ClientConnection
  readonly #pool: Pool<ClientConnection>
  #last: Promise<unknown> = Promise.resolve()
  #ended = false
  /** Whether the server answered when something was last asked of it. */
  #answered = true

  /** @param isolationLevel - undefined for the session's */
  constructor(
    inner: Transaction,
    isolationLevel: IsolationLevel | undefined,
    connection: ClientConnection,
    pool: Pool<ClientConnection>,
  ) {
    this.provider = inner.provider
    this.adapterName = inner.adapterName
    this.options = inner.options
    this.#inner = inner
    this.#isolationLevel = isolationLevel
    this.#connection = connection
    this.#pool = pool
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return this.#next(() => this.#inner.queryRaw(query), query)
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#next(() => this.#inner.executeRaw(query), query)
  }

  async createSavepoint(name: string): Promise<void> {
    await this.#next(async () => this.#inner.createSavepoint?.(name))
  }

  async rollbackToSavepoint(name: string): Promise<void> {
    await this.#next(async () => this.#inner.rollbackToSavepoint?.(name))
  }

  async commit(): Promise<void> {
    await this.#unlessExpired(() => this.#inner.commit(), true).finally(() => this.#end())
  }

  /** After the token's end nothing is sent: closing the connection has the server roll back. */
  async rollback(): Promise<void> {
    await this.#after(async () => {
      if (this.#isExpired) this.#connection.close('expired')
      else await this.#explained(() => this.#inner.rollback())
    }).finally(() => this.#end())
  }

  get #isExpired(): boolean {
    return !this.#pool.maySend(this.#connection)
  }

  #next<T>(statement: () => Promise<T>, query?: SqlQuery): Promise<T> {
    return this.#unlessExpired(async () => {
      const result = await statement()
      if (query !== undefined) noteWrite(this.#pool, this.#connection, query)
      return result
    })
  }

  #unlessExpired<T>(statement: () => Promise<T>, isCommit = false): Promise<T> {
    return this.#after(async () => {
      if (this.#isExpired) throw transactionExpired(this.#connection.lease.expiresOn)
      return this.#explained(statement, isCommit)
    })
  }

  /** @param isCommit - then it may have taken effect if its answer is missing; anything else has not */
  async #explained<T>(statement: () => Promise<T>, isCommit = false): Promise<T> {
    try {
      const result = await statement()
      this.#answered = true
      return result
    } catch (raw) {
      const error = explainOn(this.#connection, raw, isCommit ? statementExpired : transactionExpired)
      this.#answered = !isOfRolledBack(raw)
      const failure = failureOf(error, true)
      reportFailure(this.#pool, this.#connection, failure, error)
      if (failure === 'token') throw transactionRefused(error)
      // The driver looks at the clock once more.
      const expired = failure === 'not-sent' && (this.#isExpired || this.#connection.closedBy === 'expired')
      if (expired) throw transactionExpired(this.#connection.lease.expiresOn, error)
      if (failure === undefined || !(error instanceof EntraError)) throw error
      throw failure === 'lost' && isCommit ? error : transactionInterrupted(error)
    }
  }

  #after<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work).catch((error) => {
      throw prismaError(error)
    })
    this.#last = result.catch(() => {})
    return result
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    // Nothing waits for this, but the connection is not lent before.
    void this.#connection
      .restoreIsolationLevel(this.#isolationLevel)
      .finally(() => this.#pool.release(this.#connection, this.#answered))
  }
}
