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
import type { Clock } from '../clock.ts'
import { mendConnection } from '../driver/tedious-fixes.ts'
import { claimsOf } from '../token/claims.ts'
import type { Lease } from '../token/lease.ts'
import { type Connection, Connections } from './connections.ts'
import { connectorFor } from './connector.ts'
import { type DriverContext, explainDriverError, explainLoginFailure } from './driver-errors.ts'
import { Lookout } from './lookout.ts'
import type { GenerationPool, OpenPool } from './pool.ts'

type OfficialAdapter = Awaited<ReturnType<PrismaMssql['connect']>>
type OfficialOptions = ConstructorParameters<typeof PrismaMssql>[1]

/** Loads what opening a pool needs: most of it is tedious. */
export const loadDriver = () => import('@prisma/adapter-mssql')

/** What the official adapter says of a connection, which is known before there is one. */
export function connectionInfoFor(options: OfficialOptions): ConnectionInfo {
  const { schema } = options ?? {}
  return { maxBindValues: 2098, supportsRelationJoins: false, ...(schema !== undefined && { schemaName: schema }) }
}

/**
 * Opens generations on `@prisma/adapter-mssql`, whose own factory is given the token as
 * `azure-active-directory-access-token`: tedious sends it in LOGIN7, with no round trip more than a password takes.
 *
 * @param audience - what the tokens of the server are for, for what is said of one that it refuses
 */
export function officialPools(config: MssqlConfig, options: OfficialOptions, audience: string, clock: Clock): OpenPool {
  const lookout = new Lookout(clock)
  return async (lease, signal) => {
    const { PrismaMssql } = await loadDriver()
    signal.throwIfAborted()
    const connections = new Connections()
    const context = () => ({ failure: connections.failure, login: loginContext(config, lease, audience) })
    const cut = () => connections.closeAll()
    signal.addEventListener('abort', cut, { once: true })
    try {
      const factory = new PrismaMssql(configFor(config, lease, connections, lookout), options)
      const adapter = await factory.connect()
      if (signal.aborted) await adapter.dispose()
      signal.throwIfAborted()
      return new OfficialPool(adapter, connections, context, config.pool)
    } catch (error) {
      signal.throwIfAborted()
      throw explainLoginFailure(error, context())
    } finally {
      signal.removeEventListener('abort', cut)
    }
  }
}

/** The user's config, copied (mssql writes into it at three levels), with the lease's token in it. */
function configFor(config: MssqlConfig, lease: Lease, connections: Connections, lookout: Lookout): MssqlConfig {
  const validate = config.pool?.validate
  return {
    ...config,
    options: {
      // A login that may be tried again is tried again in one place, with Microsoft's waits.
      maxRetriesOnTransientErrors: 0,
      ...config.options,
      connector: connectorFor(config, lease, connections.closed),
    },
    authentication: { type: 'azure-active-directory-access-token', options: { token: lease.token } },
    validateConnection: 'socket',
    pool: {
      ...config.pool,
      // tarn asks this of a connection just before it lends it out: work that waited for one past the token's end must
      // not start on it, nor on one whose far end is gone.
      validate: (connection: Connection) => {
        const look = lookout.look()
        const isUsable = () =>
          lease.timeLeft > 0 && connections.isUsable(connection) && (validate?.(connection) ?? true)
        // tarn waits for a promise, as mssql's own check with SELECT 1 gives one; its types do not say so.
        return (look === undefined ? isUsable() : look.then(isUsable)) as boolean
      },
    },
    beforeConnect(connection: Connection) {
      connections.add(connection)
      config.beforeConnect?.(connection)
      try {
        mendConnection(connection)
      } catch (error) {
        // mssql has begun to connect, and would log in with a driver that is not to be used.
        connections.closeLogins()
        throw error
      }
    },
  }
}

function loginContext(config: MssqlConfig, lease: Lease, audience: string): DriverContext['login'] {
  const { server, database, options } = config
  return { server, database: options?.database ?? database, audience, claims: claimsOf(lease.token), now: lease.now() }
}

/** A place in the line for a connection, kept for work to come. */
interface Preparation {
  done: Promise<void>
  /** Leaves the line, so that work which joins it now gets the connection that was begun, and begins no other. */
  yield(): void
}

class OfficialPool implements GenerationPool {
  readonly provider = 'sqlserver'
  readonly adapterName: string
  readonly max: number
  readonly acquireTimeout: number
  readonly #adapter: OfficialAdapter
  readonly #connections: Connections
  readonly #context: () => DriverContext
  #preparing: Preparation | undefined

  constructor(
    adapter: OfficialAdapter,
    connections: Connections,
    context: () => DriverContext,
    options: MssqlConfig['pool'] = {},
  ) {
    this.adapterName = adapter.adapterName
    this.#adapter = adapter
    this.#connections = connections
    this.#context = context
    // The defaults of mssql and tarn.
    this.max = options.max ?? 10
    this.acquireTimeout = options.acquireTimeoutMillis ?? 30_000
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    this.#yield()
    return this.#adapter.queryRaw(query)
  }

  executeRaw(query: SqlQuery): Promise<number> {
    this.#yield()
    return this.#adapter.executeRaw(query)
  }

  startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction> {
    this.#yield()
    return this.#adapter.startTransaction(isolationLevel)
  }

  /** The official adapter has no `executeScript`: the script is sent as one SQLBatch message (MS-TDS 2.2.6.7). */
  async executeScript(script: string): Promise<void> {
    this.#yield()
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
    const pool = this.#pool()
    const wanted = pool === null ? 0 : Math.min(count, this.max)
    const borrowed: Connection[] = []
    try {
      while (borrowed.length < wanted) {
        const logins = Math.min(atOnce, wanted - borrowed.length)
        const results = await Promise.allSettled(Array.from({ length: logins }, () => pool?.acquire().promise))
        for (const result of results) if (result.status === 'fulfilled' && result.value) borrowed.push(result.value)
        const failed = results.find((result) => result.status === 'rejected')
        if (failed !== undefined) throw explainLoginFailure(failed.reason, this.#context())
      }
    } finally {
      for (const connection of borrowed) pool?.release(connection)
    }
  }

  prepare(): Promise<void> {
    const pool = this.#pool()
    if (this.#preparing !== undefined) return this.#preparing.done
    if (pool === null || this.lendable() > 0) return Promise.resolve()
    const place = pool.acquire()
    let yielded = false
    const done = place.promise
      .then(
        (connection) => {
          pool.release(connection)
        },
        (error) => {
          if (!yielded) throw explainLoginFailure(error, this.#context())
        },
      )
      .finally(() => {
        this.#preparing = undefined
      })
    this.#preparing = {
      done,
      yield() {
        yielded = true
        place.abort()
      },
    }
    return done
  }

  #yield(): void {
    this.#preparing?.yield()
  }

  lendable(): number {
    const pool = this.#pool()
    return pool === null ? 0 : pool.numUsed() + pool.numFree()
  }

  get loginsFail(): boolean {
    return this.#connections.loginsFail
  }

  /** Borrows each idle connection and closes it: mssql has no other way to make a pool smaller. */
  closeIdle(): void {
    const pool = this.#pool()
    for (let idle = pool?.numFree() ?? 0; idle > 0 && pool !== null; idle--) {
      pool.acquire().promise.then(
        (connection) => {
          connection.close()
          pool.release(connection)
        },
        () => {},
      )
    }
  }

  /** The pool of tarn; mssql has none any more once it is closed. */
  #pool() {
    const { pool } = this.#adapter.underlyingDriver()
    return pool as typeof pool | null
  }

  terminate(): void {
    this.#connections.closeAll()
  }

  dispose(): Promise<void> {
    this.#yield()
    this.#connections.closeLogins()
    return this.#adapter.dispose()
  }

  explain(error: unknown): unknown {
    return explainDriverError(error, this.#context)
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
