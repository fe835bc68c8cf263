import type {
  ConnectionInfo,
  IsolationLevel,
  SqlDriverAdapter,
  SqlQuery,
  SqlResultSet,
  Transaction,
} from '@prisma/driver-adapter-utils'
import { type Clock, Stopwatch } from '../clock.ts'
import { failureOf } from '../connect/failure.ts'
import { prismaError } from '../errors/prisma-error.ts'
import { holdEventLoop } from '../event-loop.ts'
import { statementExpired } from './expiry-errors.ts'
import type { Generation } from './generation.ts'
import type { GenerationPool } from './pool.ts'
import { RotatingTransaction } from './rotating-transaction.ts'
import type { Rotation } from './rotation.ts'

/** The driver adapter that Prisma Client holds: sends each piece of work to the generation that is current then. */
export class RotatingAdapter implements SqlDriverAdapter {
  readonly provider = 'sqlserver'
  readonly adapterName: string
  readonly #rotation: Rotation
  readonly #connectionInfo: ConnectionInfo
  readonly #clock: Clock
  readonly #onDisposed: () => void

  /**
   * @param rotation - one that was begun; disposing of the adapter stops it
   * @param connectionInfo - what is true before the first connection
   */
  constructor(
    adapterName: string,
    rotation: Rotation,
    clock: Clock,
    onDisposed: () => void,
    connectionInfo: ConnectionInfo = { supportsRelationJoins: false },
  ) {
    this.adapterName = adapterName
    this.#rotation = rotation
    this.#connectionInfo = connectionInfo
    this.#clock = clock
    this.#onDisposed = onDisposed
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return this.#run((pool) => pool.queryRaw(query))
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#run((pool) => pool.executeRaw(query))
  }

  /** Runs the script as one batch: it is not split at semicolons, and `GO` is not a statement. */
  executeScript(script: string): Promise<void> {
    return this.#run((pool) => pool.executeScript(script))
  }

  /** A transaction that could not be begun has done nothing yet: beginning it is run again like a statement. */
  startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction> {
    return this.#attempt(async (generation) => {
      const transaction = await generation.pool.startTransaction(isolationLevel)
      return new RotatingTransaction(transaction, generation, this.#rotation)
    })
  }

  getConnectionInfo(): ConnectionInfo {
    return this.#rotation.current?.pool.getConnectionInfo?.() ?? this.#connectionInfo
  }

  dispose(): Promise<void> {
    return this.#rotation.stop().finally(this.#onDisposed)
  }

  #run<T>(work: (pool: GenerationPool) => Promise<T>): Promise<T> {
    return this.#attempt(async (generation) => {
      const result = await work(generation.pool)
      generation.leave()
      return result
    })
  }

  #attempt<T>(work: (generation: Generation) => Promise<T>): Promise<T> {
    return this.#attemptUntilRun(work).catch((error) => {
      throw prismaError(error)
    })
  }

  /** Runs work on the current generation, and again on the next where it did not run for the connection's sake. */
  async #attemptUntilRun<T>(work: (generation: Generation) => Promise<T>): Promise<T> {
    const wait = new Stopwatch(this.#clock)
    for (let attempt = 1; ; attempt++) {
      const entered = this.#rotation.enter(attempt > 1)
      const generation = entered instanceof Promise ? await holdEventLoop(entered) : entered
      try {
        return await work(generation)
      } catch (raw) {
        const error = generation.pool.explain(raw)
        // Decided before it leaves: who waits for its place must not run into the same.
        const mayRunAgain = this.#rotation.mayRunAgain(generation, error, attempt, wait)
        generation.leave()
        if (!(await holdEventLoop(mayRunAgain))) {
          throw this.#endedByExpiry(generation, error)
        }
      }
    }
  }

  /** Tells a connection that the token's end cut from one that was lost. */
  #endedByExpiry(generation: Generation, error: unknown): unknown {
    const { timeLeft, lease } = generation
    return failureOf(error, true) === 'lost' && timeLeft <= 0 ? statementExpired(lease.expiresOn, error) : error
  }
}
