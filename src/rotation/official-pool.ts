import type { PrismaMssql } from '@prisma/adapter-mssql'
import {
  type ConnectionInfo,
  DriverAdapterError,
  type IsolationLevel,
  type SqlQuery,
  type SqlResultSet,
  type Transaction,
} from '@prisma/driver-adapter-utils'
import type { config as MssqlConfig } from 'mssql'
import type { Lease } from '../token/lease.ts'
import { type Connection, Connections } from './connections.ts'
import { connectorFor } from './connector.ts'
import { explainDriverError } from './driver-errors.ts'
import type { GenerationPool, OpenPool } from './pool.ts'

type OfficialAdapter = Awaited<ReturnType<PrismaMssql['connect']>>
type OfficialOptions = ConstructorParameters<typeof PrismaMssql>[1]

/**
 * Opens generations on `@prisma/adapter-mssql`, whose own factory is given the token as
 * `azure-active-directory-access-token`: tedious sends it in LOGIN7, with no round trip more than a password takes.
 */
export function officialPools(config: MssqlConfig, options: OfficialOptions): OpenPool {
  return async (lease, signal) => {
    const { PrismaMssql } = await import('@prisma/adapter-mssql')
    signal.throwIfAborted()
    const connections = new Connections()
    const cut = () => connections.closeAll()
    signal.addEventListener('abort', cut, { once: true })
    try {
      const factory = new PrismaMssql(configFor(config, lease, connections), options)
      const adapter = await factory.connect()
      if (signal.aborted) await adapter.dispose()
      signal.throwIfAborted()
      return new OfficialPool(adapter, connections, config.pool)
    } catch (error) {
      signal.throwIfAborted()
      throw explainDriverError(error, connections.refusal)
    } finally {
      signal.removeEventListener('abort', cut)
    }
  }
}

/** The user's config, copied (mssql writes into it at three levels), with the lease's token in it. */
function configFor(config: MssqlConfig, lease: Lease, connections: Connections): MssqlConfig {
  const validate = config.pool?.validate
  return {
    ...config,
    options: { ...config.options, connector: connectorFor(config, lease, connections.closed) },
    authentication: { type: 'azure-active-directory-access-token', options: { token: lease.token } },
    validateConnection: 'socket',
    pool: {
      ...config.pool,
      // tarn asks this of a connection just before it lends it out: work that waited for one past the token's end must
      // not start on it.
      validate: (connection: Connection) =>
        lease.timeLeft > 0 && connections.isUsable(connection) && (validate?.(connection) ?? true),
    },
    beforeConnect(connection: Connection) {
      connections.add(connection)
      config.beforeConnect?.(connection)
    },
  }
}

class OfficialPool implements GenerationPool {
  readonly provider = 'sqlserver'
  readonly adapterName: string
  readonly max: number
  readonly acquireTimeout: number
  readonly #adapter: OfficialAdapter
  readonly #connections: Connections

  constructor(adapter: OfficialAdapter, connections: Connections, options: MssqlConfig['pool'] = {}) {
    this.adapterName = adapter.adapterName
    this.#adapter = adapter
    this.#connections = connections
    // The defaults of mssql and tarn.
    this.max = options.max ?? 10
    this.acquireTimeout = options.acquireTimeoutMillis ?? 30_000
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return this.#adapter.queryRaw(query)
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#adapter.executeRaw(query)
  }

  startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction> {
    return this.#adapter.startTransaction(isolationLevel)
  }

  /** The official adapter has no `executeScript`: the script is sent as one SQLBatch message (MS-TDS 2.2.6.7). */
  async executeScript(script: string): Promise<void> {
    try {
      await this.#adapter.underlyingDriver().request().batch(script)
    } catch (error) {
      throw scriptError(error)
    }
  }

  getConnectionInfo(): ConnectionInfo {
    return this.#adapter.getConnectionInfo?.() ?? { supportsRelationJoins: false }
  }

  connectionCount(): number {
    return this.#connections.size
  }

  async warmUp(count: number, atOnce: number): Promise<void> {
    const { pool } = this.#adapter.underlyingDriver()
    const wanted = Math.min(count, this.max)
    const borrowed: Connection[] = []
    try {
      while (borrowed.length < wanted) {
        const logins = Math.min(atOnce, wanted - borrowed.length)
        const results = await Promise.allSettled(Array.from({ length: logins }, () => pool.acquire().promise))
        for (const result of results) if (result.status === 'fulfilled') borrowed.push(result.value)
        const failed = results.find((result) => result.status === 'rejected')
        if (failed !== undefined) throw this.explain(failed.reason)
      }
    } finally {
      for (const connection of borrowed) pool.release(connection)
    }
  }

  /** Borrows each idle connection and closes it: mssql has no other way to make a pool smaller. */
  lendable(): number {
    const { pool } = this.#adapter.underlyingDriver()
    return pool.numUsed() + pool.numFree()
  }

  get loginsFail(): boolean {
    return this.#connections.loginsFail
  }

  closeIdle(): void {
    const { pool } = this.#adapter.underlyingDriver()
    for (let idle = pool.numFree(); idle > 0; idle--) {
      pool.acquire().promise.then(
        (connection) => {
          connection.close()
          pool.release(connection)
        },
        () => {},
      )
    }
  }

  terminate(): void {
    this.#connections.closeAll()
  }

  dispose(): Promise<void> {
    return this.#adapter.dispose()
  }

  explain(error: unknown): unknown {
    return explainDriverError(error, this.#connections.refusal)
  }
}

/** Prisma's form of an error that the server raised in a script, as the official adapter has it for a query. */
function scriptError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { number } = error as { number?: unknown }
  if (typeof number !== 'number') return error
  const { message } = error
  return new DriverAdapterError({
    kind: 'mssql',
    code: number,
    message,
    originalCode: String(number),
    originalMessage: message,
  })
}
