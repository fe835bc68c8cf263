import type { SqlQuery, SqlResultSet, Transaction, TransactionOptions } from '@prisma/driver-adapter-utils'
import { failureOf } from '../connect/failure.ts'
import { prismaError } from '../errors/prisma-error.ts'
import { statementExpired, transactionExpired, transactionRefused } from './expiry-errors.ts'
import type { Generation } from './generation.ts'
import type { Rotation } from './rotation.ts'

/**
 * A transaction on one connection of one generation, which stays open until the transaction has ended. Statements run
 * one after the other, and each looks at the clock just before it is sent. None is ever run again by itself.
 */
export class RotatingTransaction implements Transaction {
  readonly provider: Transaction['provider']
  readonly adapterName: string
  readonly options: TransactionOptions
  readonly #inner: Transaction
  readonly #generation: Generation
  readonly #rotation: Pick<Rotation, 'refused'>
  #last: Promise<unknown> = Promise.resolve()
  #ended = false

  /** @param generation - one that the transaction was counted into; it is left when the transaction ends */
  constructor(inner: Transaction, generation: Generation, rotation: Pick<Rotation, 'refused'>) {
    this.provider = inner.provider
    this.adapterName = inner.adapterName
    this.options = inner.options
    this.#inner = inner
    this.#generation = generation
    this.#rotation = rotation
    generation.hold()
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
    await this.#next(() => this.#inner.commit(), statementExpired).finally(() => this.#end())
  }

  async rollback(): Promise<void> {
    await this.#after(() => this.#explained(() => this.#inner.rollback())).finally(() => this.#end())
  }

  /** @param cutOff - what it means where the token's end cuts the statement off; a COMMIT may have been carried out */
  #next<T>(statement: () => Promise<T>, cutOff = transactionExpired): Promise<T> {
    return this.#after(async () => {
      const { timeLeft, lease } = this.#generation
      if (timeLeft <= 0) throw transactionExpired(lease.expiresOn)
      return this.#explained(statement, cutOff)
    })
  }

  async #explained<T>(statement: () => Promise<T>, cutOff = transactionExpired): Promise<T> {
    try {
      return await statement()
    } catch (error) {
      throw this.#explain(error, cutOff)
    }
  }

  #explain(raw: unknown, cutOff: typeof transactionExpired): unknown {
    const { timeLeft, lease, pool } = this.#generation
    const error = pool.explain(raw)
    const failure = failureOf(error, true)
    if (failure === 'token') {
      this.#rotation.refused(this.#generation)
      return timeLeft <= 0 ? transactionExpired(lease.expiresOn, error) : transactionRefused(error)
    }
    if (failure === 'lost' && timeLeft <= 0) return cutOff(lease.expiresOn, error)
    return failure !== undefined && timeLeft <= 0 ? transactionExpired(lease.expiresOn, error) : error
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
    this.#generation.release()
  }
}
