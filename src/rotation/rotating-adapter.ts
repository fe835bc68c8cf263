import type {
  ConnectionInfo,
  IsolationLevel,
  SqlDriverAdapter,
  SqlQuery,
  SqlResultSet,
  Transaction,
} from '@prisma/driver-adapter-utils'
import type { Clock } from '../clock.ts'
import type { GenerationPool } from './pool.ts'
import { RotatingTransaction } from './rotating-transaction.ts'
import type { Rotation } from './rotation.ts'

/** The driver adapter that Prisma Client holds: sends each piece of work to the generation that is current then. */
export class RotatingAdapter implements SqlDriverAdapter {
  readonly provider = 'sqlserver'
  readonly adapterName: string
  readonly #rotation: Rotation
  readonly #clock: Clock
  readonly #onDisposed: () => void

  /** @param rotation - one that was started; disposing of the adapter stops it */
  constructor(adapterName: string, rotation: Rotation, clock: Clock, onDisposed: () => void) {
    this.adapterName = adapterName
    this.#rotation = rotation
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

  async startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction> {
    const generation = await this.#rotation.enter()
    try {
      const transaction = await generation.pool.startTransaction(isolationLevel)
      return new RotatingTransaction(transaction, generation, this.#clock)
    } catch (error) {
      generation.leave()
      throw error
    }
  }

  getConnectionInfo(): ConnectionInfo {
    return this.#rotation.current?.pool.getConnectionInfo?.() ?? { supportsRelationJoins: false }
  }

  dispose(): Promise<void> {
    return this.#rotation.stop().finally(this.#onDisposed)
  }

  async #run<T>(work: (pool: GenerationPool) => Promise<T>): Promise<T> {
    const entered = this.#rotation.enter()
    const generation = entered instanceof Promise ? await entered : entered
    try {
      return await work(generation.pool)
    } finally {
      generation.leave()
    }
  }
}
