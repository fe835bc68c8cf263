import type { SqlDriverAdapter, SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { config as MssqlConfig } from 'mssql'
import { type Clock, type Random, systemClock } from './clock.ts'
import { type ConfigWarning, readConfig } from './config/config.ts'
import { audienceOf, cloudOf } from './credentials/clouds.ts'
import { PROMPT_TIMEOUT } from './credentials/prompt.ts'
import { credentialsFor } from './credentials/sign-in-options.ts'
import { EntraError } from './errors/entra-error.ts'
import { prismaError } from './errors/prisma-error.ts'
import { type AdapterEvent, notify, publish } from './events.ts'
import { type PrismaMssqlEntraOptions, resolveTiming } from './options.ts'
import { officialPools } from './rotation/official-pool.ts'
import type { OpenPool } from './rotation/pool.ts'
import { RotatingAdapter } from './rotation/rotating-adapter.ts'
import { Rotation } from './rotation/rotation.ts'
import type { RotationTiming } from './rotation/rotation-policy.ts'
import { type AdapterStats, statsOf } from './stats.ts'
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
    const {
      config: mssql,
      maxAge,
      signIn,
      warnings,
      ...said
    } = readConfig(config, options.credential === undefined ? options : {})
    const schema = options.schema ?? said.schema
    const cloud = cloudOf(mssql.server, options.scope)
    const warn = (message: string, parameter: string) => warnings.push({ message, parameter })
    const credentials = options.tokenSource ? [] : credentialsFor(options, signIn, cloud, warn)
    if (options.tokenSource) refuseBesideTokenSource(options)
    // A person takes longer than a server.
    const patience = credentials.some(({ interactive }) => interactive) ? PROMPT_TIMEOUT : mssql.connectionTimeout
    const timing = resolveTiming({ ...(maxAge !== undefined && { maxAge }), ...options.rotation }, patience)
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? Math.random
    this.#timing = timing.rotation
    this.#onEvent = options.onEvent
    this.#tokenSource =
      options.tokenSource ??
      new TokenSource(credentials, {
        scope: options.scope ?? cloud.scope,
        timing: timing.refresh,
        clock: this.#clock,
        random: this.#random,
      })
    const official = {
      ...(schema === undefined ? {} : { schema }),
      ...(options.onPoolError && { onPoolError: options.onPoolError }),
      ...(options.onConnectionError && { onConnectionError: options.onConnectionError }),
    }
    this.#open = officialPools(mssql, official, audienceOf(cloud), this.#clock)
    for (const warning of warnings) this.#warn(warning)
  }

  /**
   * Signs in and gives the adapter that Prisma Client works with. Called by Prisma Client.
   *
   * @throws where no token could be had or no connection opened: an error with Prisma's own code for that (P1000,
   * P1001, …), whose `cause` is the {@link EntraError}
   */
  async connect(): Promise<SqlDriverAdapter> {
    const rotation = new Rotation({
      tokenSource: this.#tokenSource,
      open: this.#open,
      timing: this.#timing,
      clock: this.#clock,
      random: this.#random,
      emit: (event) => this.#emit(event),
    })
    this.#remember(rotation)
    try {
      await rotation.start()
    } catch (error) {
      this.#forget(rotation)
      throw prismaError(error)
    }
    return new RotatingAdapter(this.adapterName, rotation, this.#clock, () => this.#forget(rotation))
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

/** What a token source has of its own. */
const TOKEN_SOURCE_HAS = ['credential', 'authentication', 'tenantId', 'clientId', 'credentialOptions', 'scope'] as const

function refuseBesideTokenSource(options: PrismaMssqlEntraOptions): void {
  const extra = TOKEN_SOURCE_HAS.filter((name) => options[name] !== undefined)
  if (extra.length > 0) {
    throw new EntraError('CONFIG_INVALID', `Pass either tokenSource or ${extra.join(' and ')}, not both.`)
  }
}
