import type { ConnectionInfo, SqlDriverAdapter, SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { config as MssqlConfig } from 'mssql'
import type { Clock, Random } from './clock.ts'
import type { ConfigWarning } from './config/config.ts'
import { prismaError } from './errors/prisma-error.ts'
import { holdEventLoop } from './event-loop.ts'
import { type AdapterEvent, notify, publish } from './events.ts'
import type { PrismaMssqlEntraOptions } from './options.ts'
import { connectionInfoFor, loadDriver, officialPools } from './rotation/official-pool.ts'
import type { OpenPool } from './rotation/pool.ts'
import { RotatingAdapter } from './rotation/rotating-adapter.ts'
import { Rotation } from './rotation/rotation.ts'
import type { RotationTiming } from './rotation/rotation-policy.ts'
import { setUp } from './setup.ts'
import { type AdapterStats, statsOf } from './stats.ts'
import type { TokenSource } from './token/token-source.ts'

const ADAPTER_NAME = 'prisma-adapter-mssql-entra'

/**
 * The driver adapter to give to Prisma Client: connects to Azure SQL or SQL Server with Microsoft Entra tokens, and
 * moves all work to connections with a new token before the old one expires.
 *
 * A drop-in for `PrismaMssql` of `@prisma/adapter-mssql`, less user and password.
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
  readonly #tokenSource: TokenSource
  readonly #open: OpenPool
  readonly #connectionInfo: ConnectionInfo
  readonly #timing: RotationTiming
  readonly #clock: Clock
  readonly #random: Random
  readonly #onEvent: ((event: AdapterEvent) => void) | undefined
  /** One for each client that is connected. */
  readonly #rotations = new Set<Rotation>()
  /** One of them, which was begun for the client that connects next. */
  #warm: Rotation | undefined
  #finishedRotations = 0
  #unsubscribe: (() => void) | undefined

  /**
   * @param config - a `sqlserver://host:port;database=…` string or a config object of `mssql`, as `PrismaMssql` takes
   * them, without a credential. The object is copied.
   * @throws {@link EntraError} `CONFIG_INVALID`, `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`
   */
  constructor(config: MssqlConfig | string, options: PrismaMssqlEntraOptions = {}) {
    const { mssql, tokenSource, audience, timing, clock, random, warnings, ...said } = setUp(config, options)
    const schema = options.schema ?? said.schema
    this.#clock = clock
    this.#random = random
    this.#timing = timing
    this.#onEvent = options.onEvent
    this.#tokenSource = tokenSource
    const official = {
      ...(schema === undefined ? {} : { schema }),
      ...(options.onPoolError && { onPoolError: options.onPoolError }),
      ...(options.onConnectionError && { onConnectionError: options.onConnectionError }),
    }
    this.#open = officialPools(mssql, official, audience, clock)
    this.#connectionInfo = connectionInfoFor(official)
    for (const warning of warnings) this.#warn(warning)
    // What fails here is tried again by the first query, which tells of it.
    if (options.eager) this.warmUp().catch(() => {})
  }

  /**
   * Signs in and opens a connection now, for the query that comes next: call it where the process starts, or wakes up
   * from a freeze, and go on with other work. Harmless at any time: what is there already is not opened again, and a
   * query that comes meanwhile waits for the same token and the same login.
   *
   * A warm-up that fails costs a query nothing: one that was waiting for it, like one that comes later, has an attempt
   * of its own with all the time that it may take.
   *
   * @returns resolves when the connection is open
   * @throws as a query would: an error with Prisma's own code (P1000, P1001, …), whose `cause` is the
   * {@link EntraError}
   */
  async warmUp(): Promise<void> {
    try {
      await holdEventLoop(([...this.#rotations].at(-1) ?? this.#beginWarm()).warmUp())
    } catch (error) {
      throw prismaError(error)
    }
  }

  /**
   * Ends a warm-up that no client has taken over, and closes its connections: for a process that has made an adapter
   * and will not query. What a client works with is ended by its own `$disconnect`. The adapter can be used afterwards.
   */
  async dispose(): Promise<void> {
    const rotation = this.#warm
    if (rotation === undefined) return
    this.#warm = undefined
    await rotation.stop().finally(() => this.#forget(rotation))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  /**
   * Signs in and gives the adapter that Prisma Client works with. Called by Prisma Client. After `warmUp()`, or with
   * `eager`, waits for nothing: Prisma Client goes on to load its query compiler, and the first query waits for the
   * connection.
   *
   * @throws where no token could be had or no connection opened: an error with Prisma's own code for that (P1000,
   * P1001, …), whose `cause` is the {@link EntraError}
   */
  async connect(): Promise<SqlDriverAdapter> {
    const rotation = this.#warm ?? (await this.#start())
    if (rotation === this.#warm) this.#warm = undefined
    const onDisposed = () => this.#forget(rotation)
    return new RotatingAdapter(this.adapterName, rotation, this.#clock, onDisposed, this.#connectionInfo)
  }

  async #start(): Promise<Rotation> {
    const rotation = this.#newRotation()
    try {
      await holdEventLoop(rotation.start())
    } catch (error) {
      this.#forget(rotation)
      throw prismaError(error)
    }
    return rotation
  }

  #beginWarm(): Rotation {
    const rotation = this.#newRotation()
    this.#warm = rotation
    rotation.begin()
    return rotation
  }

  #newRotation(): Rotation {
    const rotation = new Rotation({
      tokenSource: this.#tokenSource,
      open: this.#open,
      // Where it cannot be loaded, opening tells of it.
      load: () => void loadDriver().catch(() => {}),
      timing: this.#timing,
      clock: this.#clock,
      random: this.#random,
      emit: (event) => this.#emit(event),
    })
    this.#remember(rotation)
    return rotation
  }

  /** What a health endpoint would show: tokens, rotations, generations, connections, work in flight. */
  stats(): AdapterStats {
    return statsOf(this.#tokenSource.stats(), [...this.#rotations], this.#finishedRotations, this.#clock.now())
  }

  #emit(event: AdapterEvent): void {
    publish(event)
    notify(this.#onEvent, event)
  }

  #warn(warning: ConfigWarning): void {
    this.#emit({ type: 'config.warning', at: this.#clock.now(), ...warning })
    if (this.#onEvent === undefined) process.emitWarning(warning.message, 'PrismaAdapterMssqlEntraWarning')
  }

  #remember(rotation: Rotation): void {
    this.#rotations.add(rotation)
    this.#unsubscribe ??= this.#tokenSource.subscribe((event) => notify(this.#onEvent, event))
  }

  #forget(rotation: Rotation): void {
    if (!this.#rotations.delete(rotation)) return
    this.#finishedRotations += rotation.rotations
    if (this.#rotations.size > 0) return
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }
}
