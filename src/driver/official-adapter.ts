import type { PrismaMssql } from '@prisma/adapter-mssql'
import type { config as MssqlConfig } from 'mssql'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import { firstLoginConfig } from './first-login.ts'

/** What `PrismaMssql#connect` returns. Its class is not exported. */
export type OfficialAdapter = Awaited<ReturnType<PrismaMssql['connect']>>
export type OfficialOptions = ConstructorParameters<typeof PrismaMssql>[1]

/** A connection of tedious, as `beforeConnect` of mssql gives it. */
export type DriverConnection = Parameters<NonNullable<MssqlConfig['beforeConnect']>>[0]

type MssqlPool = ReturnType<OfficialAdapter['underlyingDriver']>

type ConnectionClass = new (config: object) => DriverConnection
type MssqlPoolClass = new (config: MssqlConfig) => MssqlPool
type OfficialAdapterClass = new (pool: MssqlPool, options: OfficialOptions) => OfficialAdapter

/** Private to mssql: makes the config of a connection of tedious. */
interface MssqlPoolInternals {
  _config(): { options: object }
}

/** Loads the official adapter: most of it is tedious. */
export const loadOfficialAdapter = () => import('@prisma/adapter-mssql')

/**
 * `@prisma/adapter-mssql`, `mssql` and `tedious`: makes connections of the driver, and an official adapter on each. The
 * classes that are not exported come from a first login, which is answered in memory.
 */
export class OfficialDriver {
  readonly #config: MssqlConfig
  readonly #options: OfficialOptions
  readonly #connectionClass: ConnectionClass
  readonly #adapterClass: OfficialAdapterClass
  readonly #pool: MssqlPool & MssqlPoolInternals

  private constructor(
    config: MssqlConfig,
    options: OfficialOptions,
    adapter: OfficialAdapter,
    connection: DriverConnection,
  ) {
    // mssql writes its defaults into it, at three levels.
    this.#config = { ...config, options: { ...config.options }, pool: { ...config.pool } }
    this.#options = options
    this.#connectionClass = connection.constructor as ConnectionClass
    this.#adapterClass = adapter.constructor as OfficialAdapterClass
    const PoolClass = adapter.underlyingDriver().constructor as MssqlPoolClass
    this.#pool = new PoolClass(this.#config) as MssqlPool & MssqlPoolInternals
  }

  /** @throws {@link EntraError} `DRIVER_UNSUPPORTED` if the driver lacks something that is needed here */
  static async load(config: MssqlConfig, options: OfficialOptions): Promise<OfficialDriver> {
    const { PrismaMssql } = await loadOfficialAdapter()
    let connection: DriverConnection | undefined
    const first = firstLoginConfig((made) => {
      connection = made
    })
    try {
      const adapter = await new PrismaMssql(first, options).connect()
      if (connection === undefined) throw new Error('mssql does not call beforeConnect')
      const driver = new OfficialDriver(config, options, adapter, connection)
      driver.#check()
      return driver
    } catch (cause) {
      throw driverUnsupported(reasonOf(cause), cause)
    }
  }

  /** A connection that is not open yet. @param authentication - in tedious's form */
  newConnection(authentication: object, options: object): DriverConnection {
    const made = this.#pool._config()
    return new this.#connectionClass({ ...made, authentication, options: { ...made.options, ...options } })
  }

  /** The official adapter on one open connection. */
  adapterOn(connection: DriverConnection): OfficialAdapter {
    const config = this.#config
    const pool: MssqlPool = Object.create(this.#pool, {
      connected: { value: true },
      acquire: {
        value(_requester: unknown, callback: (error: null, connection: unknown, config: MssqlConfig) => void) {
          // As in mssql: never call back before this function has returned.
          process.nextTick(callback, null, connection, config)
          return pool
        },
      },
      release: { value: () => pool },
    })
    return new this.#adapterClass(pool, this.#options)
  }

  /** Checks everything that is not in the driver's types. */
  #check(): void {
    if (typeof this.#pool._config().options !== 'object')
      throw new Error('mssql creates its connections in a different way')
    const adapter = this.adapterOn({} as DriverConnection)
    if (Object.getPrototypeOf(adapter.underlyingDriver()) !== this.#pool) {
      throw new Error('the official adapter does not take a pool')
    }
  }
}

/** The error if the driver lacks something that is not in its types. */
export function driverUnsupported(why: string, cause?: unknown): EntraError {
  return new EntraError(
    'DRIVER_UNSUPPORTED',
    `@prisma/adapter-mssql and its driver cannot be used: ${why}. Install @prisma/adapter-mssql 7.10.0, ` +
      'mssql 12.7.14 and tedious 19.2.2.',
    cause === undefined ? {} : { cause },
  )
}
