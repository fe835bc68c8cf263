import type { SqlQuery, SqlResultSet, Transaction, TransactionOptions } from '@prisma/driver-adapter-utils'
import type { Clock } from '../clock.ts'
import { EntraError } from '../errors.ts'
import type { Generation } from './generation.ts'

/**
 * A transaction on one connection of one generation, which stays open until the transaction has ended. Statements run
 * one after the other, and each looks at the clock just before it is sent.
 */
export class RotatingTransaction implements Transaction {
  readonly provider: Transaction['provider']
  readonly adapterName: string
  readonly options: TransactionOptions
  readonly #inner: Transaction
  readonly #generation: Generation
  readonly #clock: Clock
  #last: Promise<unknown> = Promise.resolve()
  #ended = false

  /** @param generation - one that the transaction was counted into; it is left when the transaction ends */
  constructor(inner: Transaction, generation: Generation, clock: Clock) {
    this.provider = inner.provider
    this.adapterName = inner.adapterName
    this.options = inner.options
    this.#inner = inner
    this.#generation = generation
    this.#clock = clock
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return this.#next(() => this.#inner.queryRaw(query))
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#next(() => this.#inner.executeRaw(query))
  }

  async createSavepoint(name: string): Promise<void> {
    await this.#next(async () => this.#inner.createSavepoint?.(name))
  }

  async rollbackToSavepoint(name: string): Promise<void> {
    await this.#next(async () => this.#inner.rollbackToSavepoint?.(name))
  }

  async commit(): Promise<void> {
    await this.#next(() => this.#inner.commit()).finally(() => this.#end())
  }

  async rollback(): Promise<void> {
    await this.#after(() => this.#inner.rollback()).finally(() => this.#end())
  }

  #next<T>(statement: () => Promise<T>): Promise<T> {
    return this.#after(() => {
      const { expiresOn } = this.#generation.lease
      if (this.#clock.now() >= expiresOn) throw expiredError(expiresOn)
      return statement()
    })
  }

  #after<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#generation.leave()
  }
}

function expiredError(expiresOn: number): EntraError {
  return new EntraError(
    'TRANSACTION_TOKEN_EXPIRED',
    `The transaction was still open when the token of its connection expired (${new Date(expiresOn).toISOString()}), ` +
      'and was rolled back. It can be run again. A transaction must be shorter than the time between the refresh of a ' +
      'token and its expiry.',
  )
}
