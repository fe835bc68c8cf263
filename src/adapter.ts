import type { SqlDriverAdapter, SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { config as MssqlConfig } from 'mssql'
import { type Clock, type Random, systemClock } from './clock.ts'
import { readConfig } from './config/config.ts'
import { EntraError } from './errors.ts'
import { type AdapterEvent, notify, publish } from './events.ts'
import { type PrismaMssqlEntraOptions, resolveTiming } from './options.ts'
import { officialPools } from './rotation/official-pool.ts'
import type { OpenPool } from './rotation/pool.ts'
import { RotatingAdapter } from './rotation/rotating-adapter.ts'
import { Rotation } from './rotation/rotation.ts'
import type { RotationTiming } from './rotation/rotation-policy.ts'
import { type AdapterStats, statsOf } from './stats.ts'
import { scopeForHost } from './token/clouds.ts'
import { defaultCredential } from './token/default-credential.ts'
import type { RefreshTiming } from './token/refresh-policy.ts'
import { TokenSource } from './token/token-source.ts'

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
  readonly #timing: RotationTiming
  readonly #clock: Clock
  readonly #random: Random
  readonly #onEvent: ((event: AdapterEvent) => void) | undefined
  /** One for each client that is connected. */
  readonly #rotations = new Set<Rotation>()
  #finishedRotations = 0
  #unsubscribe: (() => void) | undefined

  /**
   * @param config - a `sqlserver://host:port;database=…` string or a config object of `mssql`, as `PrismaMssql` takes
   * them, without a credential. The object is copied.
   * @throws {@link EntraError} `CONFIG_INVALID`, `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`
   */
  constructor(config: MssqlConfig | string, options: PrismaMssqlEntraOptions = {}) {
    const { config: mssql, schema: schemaInString } = readConfig(config)
    const timing = resolveTiming(options.rotation, mssql.connectionTimeout)
    const schema = options.schema ?? schemaInString
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? Math.random
    this.#timing = timing.rotation
    this.#onEvent = options.onEvent
    this.#tokenSource = options.tokenSource ?? ownTokenSource(mssql.server, options, timing.refresh)
    if (options.tokenSource !== undefined) refuseBoth(options)
    const official = {
      ...(schema === undefined ? {} : { schema }),
      ...(options.onPoolError && { onPoolError: options.onPoolError }),
      ...(options.onConnectionError && { onConnectionError: options.onConnectionError }),
    }
    this.#open = officialPools(mssql, official)
  }

  /**
   * Signs in and gives the adapter that Prisma Client works with. Called by Prisma Client.
   *
   * @throws {@link EntraError} where no token could be had or no connection opened
   */
  async connect(): Promise<SqlDriverAdapter> {
    const rotation = new Rotation({
      tokenSource: this.#tokenSource,
      open: this.#open,
      timing: this.#timing,
      clock: this.#clock,
      random: this.#random,
      emit: (event) => {
        publish(event)
        notify(this.#onEvent, event)
      },
    })
    this.#remember(rotation)
    try {
      await rotation.start()
    } catch (error) {
      this.#forget(rotation)
      throw error
    }
    return new RotatingAdapter(this.adapterName, rotation, this.#clock, () => this.#forget(rotation))
  }

  /** What a health endpoint would show: tokens, rotations, generations, connections, work in flight. */
  stats(): AdapterStats {
    return statsOf(this.#tokenSource.stats(), [...this.#rotations], this.#finishedRotations, this.#clock.now())
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

function ownTokenSource(server: string, options: PrismaMssqlEntraOptions, timing: RefreshTiming): TokenSource {
  return new TokenSource(options.credential ?? defaultCredential, {
    scope: options.scope ?? scopeForHost(server),
    timing,
    ...(options.clock && { clock: options.clock }),
    ...(options.random && { random: options.random }),
  })
}

function refuseBoth(options: PrismaMssqlEntraOptions): void {
  const extra = (['credential', 'scope'] as const).filter((name) => options[name] !== undefined)
  if (extra.length > 0) {
    throw new EntraError('CONFIG_INVALID', `Pass either tokenSource or ${extra.join(' and ')}, not both.`)
  }
}
