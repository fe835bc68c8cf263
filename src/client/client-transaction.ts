import type {
  IsolationLevel,
  SqlQuery,
  SqlResultSet,
  Transaction,
  TransactionOptions,
} from '@prisma/driver-adapter-utils'
import { isOfRolledBack } from '../driver/driver-errors.ts'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import { prismaError } from '../errors/prisma-error.ts'
import { iso } from '../errors/wording.ts'
import type { Pool } from '../pool/pool.ts'
import { type ClientConnection, failedOn, noteWrite, statementExpired } from './client-connection.ts'

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
      const cutOff = isCommit ? statementExpired : transactionExpired
      const { error, failure } = failedOn(this.#connection, this.#pool, raw, cutOff)
      this.#answered = !isOfRolledBack(raw)
      if (failure === 'token') throw transactionRefused(error)
      // The driver looks at the clock once more.
      const expired = failure === 'not-sent' && (this.#isExpired || this.#connection.closedBy === 'expired')
      if (expired) throw transactionExpired(this.#connection.lease.expiresOn, error)
      if (failure === undefined) throw error
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

/**
 * The error of a transaction whose token has expired: it was rolled back and may be run again. Prisma Client shows it as
 * P2034, the code that retry wrappers look for.
 */
function transactionExpired(expiresOn: number, cause?: unknown): EntraError {
  return new EntraError(
    'TRANSACTION_TOKEN_EXPIRED',
    `The transaction was still open when the token of its connection expired (${iso(expiresOn)}), and was rolled back. ` +
      'It can be run again. Transactions must be shorter than the time between the refresh of a token and its expiry.',
    { cause },
  )
}

/** The same if the server ended the session because of its token, whatever the local clock says. */
function transactionRefused(cause: unknown): EntraError {
  return new EntraError(
    'TRANSACTION_TOKEN_EXPIRED',
    'The server ended the session of the transaction because it no longer accepts the token, and the transaction ' +
      'was rolled back. It can be run again.',
    { cause },
  )
}

/**
 * The error of a transaction whose connection was lost, or whose statement the server refused, before COMMIT was sent: it
 * was rolled back and may be run again.
 */
function transactionInterrupted(error: EntraError): EntraError {
  const { cause, number } = error
  return new EntraError(
    'TRANSACTION_INTERRUPTED',
    `The transaction was interrupted, and rolled back: ${reasonOf(cause ?? error).replace(/\.$/, '')}. It can be run again.`,
    { cause: error, number },
  )
}
