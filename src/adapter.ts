import type { ConnectionInfo, SqlDriverAdapter, SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { config as MssqlConfig } from 'mssql'
import { ADAPTER_NAME, ClientAdapter } from './client/client-adapter.ts'
import type { ClientConnection } from './client/client-connection.ts'
import { WaitNotice } from './client/wait-notice.ts'
import { DEFAULT_PORT } from './config/address.ts'
import { type ConnectionOpener, connectionOpener } from './driver/open-connection.ts'
import { prismaError } from './errors/prisma-error.ts'
import { type AdapterEvent, emit, notify } from './events.ts'
import { addressLookup } from './login/connect.ts'
import type { PrismaMssqlEntraOptions } from './options.ts'
import type { OpenConnection, PoolContext } from './pool/connection.ts'
import { MeasuredPool } from './pool/measured-pool.ts'
import { Pool } from './pool/pool.ts'
import { poolSettings } from './pool/settings.ts'
import { type AdapterStats, statsOf } from './pool/stats.ts'
import { setUp } from './setup.ts'
import type { AdapterTelemetry } from './telemetry.ts'
import { holdEventLoop } from './time/event-loop.ts'

/**
 * The driver adapter to give to Prisma Client: connects to Azure SQL or SQL Server with Microsoft Entra tokens, and
 * replaces each connection by one with the next token before its own token expires.
 *
 * A drop-in replacement for `PrismaMssql` of `@prisma/adapter-mssql`, without user and password.
 *
 * @example
 * ```ts
 * const adapter = new PrismaMssqlEntra('sqlserver://myserver.database.windows.net:1433;database=app')
 * const prisma = new PrismaClient({ adapter })
 * ```
 */
export class PrismaMssqlEntra implements SqlDriverAdapterFactory {
  readonly provider = 'sqlserver'
  readonly adapterName = ADAPTER_NAME
  readonly #opener: ConnectionOpener
  readonly #connectionInfo: ConnectionInfo
  readonly #context: PoolContext
  readonly #onEvent: ((event: AdapterEvent) => void) | undefined
  readonly #retryReads: boolean
  readonly #notice: WaitNotice | undefined
  /** One for each connected client, and the warm one. */
  readonly #pools = new Set<Pool<ClientConnection>>()
  /** The one that was warmed up for the client that connects next. */
  #warm: Pool<ClientConnection> | undefined
  /** Those that a client waits for in `connect()`. */
  readonly #connecting = new Set<Pool<ClientConnection>>()
  #finishedRotations = 0
  readonly #observe: () => AdapterTelemetry | undefined
  /** While there are clients. */
  #telemetry: AdapterTelemetry | undefined
  #unsubscribe: (() => void) | undefined

  /**
   * @param config - a connection string (`sqlserver://host:port;database=…`) or a config object of `mssql`, as for
   * `PrismaMssql`. A user and a password are accepted only for a server on this machine. The object is copied.
   * @throws {@link EntraError} `CONFIG_INVALID`, `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`
   */
  constructor(config: MssqlConfig | string, options: PrismaMssqlEntraOptions = {}) {
    const setup = setUp(config, options, options.allowPassword ?? false)
    const { mssql, schema, tokenSource: source, sqlLogin, audience, timing, clock, random, warnings } = setup
    this.#onEvent = options.onEvent
    this.#retryReads = options.retryReads === true
    const publish = (event: AdapterEvent) => {
      if (event.type === 'connection.opened') this.#notice?.end()
      emit(event, this.#onEvent)
      this.#telemetry?.onEvent(event)
    }
    const settings = poolSettings(mssql, timing, options.rotation?.connectRetryTimeout)
    const onWait = () => this.#notice?.begin()
    // Where the user dials, only the user knows what a name leads to.
    const lookup = mssql.options?.connector === undefined ? addressLookup(mssql.server) : undefined
    this.#context = { source, settings, clock, random, emit: publish, onWait, lookup, hasConnected: false }
    const isQuiet = options.onEvent !== undefined || process.env.PRISMA_ENTRA_QUIET === '1'
    this.#notice = isQuiet ? undefined : new WaitNotice(clock, () => this.#awaited())
    const { server, port = DEFAULT_PORT, database, options: { instanceName: instance } = {} } = mssql
    const { max, min } = settings
    const subject = { server, port, instance, database, max, min, clock, stats: () => this.stats() }
    this.#observe = () => options.telemetry?.observe(subject)
    const official = {
      ...(schema === undefined ? {} : { schema }),
      ...(options.onPoolError && { onPoolError: options.onPoolError }),
      ...(options.onConnectionError && { onConnectionError: options.onConnectionError }),
    }
    this.#opener = connectionOpener(mssql, official, audience, {
      sessionsOutliveTokens: timing.sessionsOutliveTokens,
      sqlLogin,
      onConnect: options.onConnect,
      onInexact: (column) => publish({ type: 'decimal.inexact', at: clock.now(), ...column }),
    })
    // As in the official adapter.
    this.#connectionInfo = {
      maxBindValues: 2098,
      supportsRelationJoins: false,
      ...(schema !== undefined && { schemaName: schema }),
    }
    for (const warning of warnings) {
      publish({ type: 'config.warning', at: clock.now(), ...warning })
      if (options.onEvent === undefined) process.emitWarning(warning.message, 'PrismaAdapterMssqlEntraWarning')
    }
    // Work that waits for it reports the failure, or tries again.
    if (options.eager) this.warmUp().catch(() => {})
  }

  /**
   * Signs in and opens a connection now, for the next query. Call it when the process starts, or when it wakes up from a
   * freeze, and continue with other work. You can call it at any time: an open connection is only validated, and replaced
   * if it is dead. A query that arrives before it has finished waits for the same token and the same login.
   *
   * If it fails, work that waits for it fails too; later work tries again.
   *
   * @returns resolves when a connection is open
   * @throws as a query would: an error with Prisma's own code (P1000, P1001, …), whose `cause` is the
   * {@link EntraError}
   */
  async warmUp(): Promise<void> {
    this.#warm ??= this.#pools.size === 0 ? this.#newPool() : undefined
    const pool = [...this.#pools].at(-1)
    pool?.suspect()
    try {
      await holdEventLoop(pool?.connect() ?? Promise.resolve())
    } catch (error) {
      throw prismaError(error)
    }
  }

  /**
   * Ends a warm-up, or a `connect()` in progress, and closes its connections: for a process that has created an adapter
   * but will not query. A connected client ends with its own `$disconnect`. You can use the adapter afterwards.
   */
  async dispose(): Promise<void> {
    const pools = [...this.#connecting, ...(this.#warm === undefined ? [] : [this.#warm])]
    this.#warm = undefined
    await Promise.all(pools.map((pool) => pool.close().finally(() => this.#forget(pool))))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  /**
   * Called by Prisma Client, by `$connect()` or the first query. Signs in and opens a connection; after `warmUp()`, or
   * with `eager`, it waits for the warm-up instead.
   *
   * @returns the adapter that Prisma Client works with
   * @throws if there is no token or no connection: an error with Prisma's own code (P1000, P1001, …), whose `cause` is
   * the {@link EntraError}
   */
  async connect(): Promise<SqlDriverAdapter> {
    const pool = this.#warm ?? this.#newPool()
    this.#warm = undefined
    this.#connecting.add(pool)
    try {
      await holdEventLoop(pool.connect())
    } catch (error) {
      await pool.close()
      this.#forget(pool)
      throw prismaError(error)
    } finally {
      this.#connecting.delete(pool)
    }
    const adapter = new ClientAdapter(pool, this.#connectionInfo, () => this.#forget(pool), this.#retryReads)
    return this.#telemetry?.measured(adapter) ?? adapter
  }

  #newPool(): Pool<ClientConnection> {
    // If the driver cannot be loaded, opening a connection says so.
    this.#opener.load().catch(() => {})
    const open: OpenConnection<ClientConnection> = (lease, signal) => this.#opener.open(lease, signal)
    this.#telemetry ??= this.#observe()
    const pool =
      this.#telemetry === undefined
        ? new Pool(open, this.#context)
        : new MeasuredPool(open, this.#context, this.#telemetry)
    this.#pools.add(pool)
    this.#unsubscribe ??= this.#context.source.observe((event) => notify(this.#onEvent, event))
    return pool
  }

  /** Numbers for a health endpoint: tokens, rotations, connections, work in flight. */
  stats(): AdapterStats {
    const { source, clock } = this.#context
    const pools = [...this.#pools].map((pool) => pool.stats())
    return statsOf(source.stats(), pools, this.#finishedRotations, clock.now())
  }

  #forget(pool: Pool<ClientConnection>): void {
    if (!this.#pools.delete(pool)) return
    this.#finishedRotations += pool.stats().rotations
    if (this.#pools.size > 0) return
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#telemetry?.end()
    this.#telemetry = undefined
    this.#notice?.end()
  }

  #awaited(): string | undefined {
    return [...this.#pools].map(({ awaited }) => awaited).find((awaited) => awaited !== undefined)
  }
}
