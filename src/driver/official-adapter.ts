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

/** Makes connections of the driver, and official adapters on them. */
export type OfficialDriver = ReturnType<typeof driverOf>

/**
 * Loads `@prisma/adapter-mssql`, `mssql` and `tedious`. The classes that are not exported come from a first login, which
 * is answered in memory.
 *
 * @throws {@link EntraError} `DRIVER_UNSUPPORTED` if the driver lacks something that is needed here
 */
export async function loadOfficialDriver(config: MssqlConfig, options: OfficialOptions): Promise<OfficialDriver> {
  const { PrismaMssql } = await import('@prisma/adapter-mssql')
  let connection: DriverConnection | undefined
  const first = firstLoginConfig((made) => {
    connection = made
  })
  try {
    const adapter = await new PrismaMssql(first, options).connect()
    if (connection === undefined) throw new Error('mssql does not call beforeConnect')
    return driverOf(config, options, adapter, connection)
  } catch (cause) {
    throw driverUnsupported(reasonOf(cause), cause)
  }
}

/** Checks everything that is not in the driver's types. */
function driverOf(
  given: MssqlConfig,
  options: OfficialOptions,
  firstAdapter: OfficialAdapter,
  firstConnection: DriverConnection,
) {
  // mssql writes its defaults into it, at three levels.
  const config = { ...given, options: { ...given.options }, pool: { ...given.pool } }
  const Connection = firstConnection.constructor as ConnectionClass
  const Adapter = firstAdapter.constructor as OfficialAdapterClass
  const PoolClass = firstAdapter.underlyingDriver().constructor as MssqlPoolClass
  const shared = new PoolClass(config) as MssqlPool & MssqlPoolInternals
  /** The official adapter on one open connection. */
  const adapterOn = (connection: DriverConnection): OfficialAdapter => {
    const pool: MssqlPool = Object.create(shared, {
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
    return new Adapter(pool, options)
  }
  if (typeof shared._config().options !== 'object') throw new Error('mssql creates its connections in a different way')
  if (Object.getPrototypeOf(adapterOn(firstConnection).underlyingDriver()) !== shared) {
    throw new Error('the official adapter does not take a pool')
  }
  /** A connection that is not open yet. @param authentication - in tedious's form */
  const newConnection = (authentication: object, extra: object): DriverConnection => {
    const made = shared._config()
    return new Connection({ ...made, authentication, options: { ...made.options, ...extra } })
  }
  return { newConnection, adapterOn }
}

/**
 * Checks that a connection has what is not in its types.
 *
 * @param kind - what `typeof` says of each
 * @throws {@link EntraError} `DRIVER_UNSUPPORTED`
 */
export function requireMembers(connection: object, kind: string, names: readonly string[]): void {
  const missing = names.filter((name) => typeof (connection as Record<string, unknown>)[name] !== kind)
  if (missing.length > 0) throw driverUnsupported(`it has no ${missing.join(', ')}`)
}

/** The error if the driver is too old, or lacks something that is not in its types. */
export function driverUnsupported(why: string, cause?: unknown, version = ''): EntraError {
  return new EntraError(
    'DRIVER_UNSUPPORTED',
    `The installed driver, ${`tedious ${version}`.trim()}, cannot be used: ${why}. No statement was sent. ` +
      'Install @prisma/adapter-mssql 7.10.0, mssql 12.7.14 and tedious 19.2.2, or with Node 22 and later one of tedious ' +
      '20.2 to 20.x (npm install tedious@19.2.2), and remove what pins them to other versions.',
    { cause },
  )
}
