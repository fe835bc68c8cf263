import type { config as MssqlConfig } from 'mssql'
import { isAzureHost } from './credentials/clouds.ts'
import type { SignInOptions } from './credentials/sign-in-options.ts'
import { EntraError } from './errors/entra-error.ts'
import type { Target } from './login/target.ts'
import { temporaryCaFile } from './proxy/connection-strings.ts'
import { type ProxyEvent, progressOf } from './proxy/events.ts'
import { startProxy } from './proxy/proxy.ts'
import type { ProxyOptions } from './proxy/settings.ts'
import { setUpLogin } from './setup.ts'
import type { TokenSource } from './token/token-source.ts'

export { EntraError, type EntraErrorCode } from './errors/entra-error.ts'
export type { ProxyEvent } from './proxy/events.ts'

/** Options of {@link entraDatasource}: how to sign in, as for `PrismaMssqlEntra`, and the shadow database. */
export interface EntraDatasourceOptions extends SignInOptions, Pick<ProxyOptions, 'endAtExpiry' | 'timing'> {
  /**
   * A database beside the main one, on the same server, that `migrate dev`, `migrate diff` and the like may empty at
   * will.
   *
   * @defaultValue none: on Azure and Fabric those commands stop and say so; elsewhere Prisma makes one and drops it again
   */
  shadowDatabase?: string
  /** A source of tokens instead of all that says how to sign in, and of `scope`. */
  tokenSource?: TokenSource
  /** What the token is for. @defaultValue by the server's host name */
  scope?: string
  /** The schema of the models. @defaultValue the `schema` of the connection string */
  schema?: string
  /**
   * Whether Prisma's engine encrypts on its way to the proxy, which does not leave this machine. The certificate that it
   * then verifies stands in a temporary file, which goes with the process.
   *
   * @defaultValue false
   */
  encrypt?: boolean
  /** Called with what happens at the proxy. Must not throw. */
  onEvent?: (event: ProxyEvent) => void
}

/** What `datasource` of `prisma.config.ts` takes. */
export interface EntraDatasource {
  /** Not there where {@link entraDatasource} was given no connection string. */
  url?: string
  shadowDatabaseUrl?: string
}

/** Stands for the shadow database that there is not. */
const NO_SHADOW_DATABASE = 'shadowDatabase is not set'

/**
 * The `datasource` for `prisma.config.ts` by which Prisma's commands sign in with a token: starts a loopback proxy in
 * the command's own process and gives its connection strings. Nothing is asked of Entra or the server until a command
 * connects, and the command ends as it would without it. Why a login failed and what to do about it, which Prisma would
 * not show, and what is waited for while a database is paused or moving, is told on standard error.
 *
 * Prisma makes no databases on Azure and Fabric, where they are billed: neither a shadow database nor a missing main one.
 *
 * @example
 * ```ts
 * export default defineConfig({
 *   schema: 'prisma/schema.prisma',
 *   datasource: await entraDatasource('sqlserver://myserver.database.windows.net;database=app', {
 *     shadowDatabase: 'app_shadow',
 *   }),
 * })
 * ```
 * @param config - what `PrismaMssqlEntra` takes; it must name the database. Where it is undefined or empty, because a
 * variable is not set, so is the result: `prisma generate` works nevertheless, and what needs a database says so
 * @throws {@link EntraError} `CONFIG_INVALID`, `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`
 */
export async function entraDatasource(
  config: MssqlConfig | string | undefined,
  options: EntraDatasourceOptions = {},
): Promise<EntraDatasource> {
  if (config === undefined || config === '') return {}
  const { target, warnings, proxyOptions, ...setup } = setUpLogin(config, options)
  for (const { message } of warnings) tell(message)
  const shadow = shadowOf(target, options.shadowDatabase)
  const schema = schemaOf(options.schema) ?? setup.schema
  const proxy = await startProxy({
    ...proxyOptions,
    unref: true,
    refuse: ({ database }) => refusalOf(database, target),
    onEvent(event) {
      // Prisma's engine shows the server's error alone, and for 18456 and 4060 a text of its own.
      if (event.type === 'proxy.login-failed') tell(event.error.message)
      if (event.type === 'connect.retry') tell(progressOf(event))
      options.onEvent?.(event)
    },
    ...(options.endAtExpiry !== undefined && { endAtExpiry: options.endAtExpiry }),
    timing: { ...proxyOptions.timing, ...options.timing },
  })
  const caFile = options.encrypt ? temporaryCaFile(proxy.ca) : undefined
  return {
    url: proxy.url({ schema, caFile }),
    ...(shadow !== undefined && { shadowDatabaseUrl: proxy.url({ database: shadow, schema, caFile }) }),
  }
}

/**
 * The shadow database to name to Prisma. Behind the proxy its engine sees no Azure, and without one it would run CREATE
 * DATABASE there, which is billed: so one is named that the proxy refuses to the commands that want it.
 */
function shadowOf({ host, database }: Target, shadow: string | undefined): string | undefined {
  if (database === undefined) {
    throw new EntraError('CONFIG_INVALID', 'The connection string names no database: add ;database=…')
  }
  if (shadow === undefined) return isAzureHost(host) ? NO_SHADOW_DATABASE : undefined
  if (shadow.trim() === '') throw new EntraError('CONFIG_INVALID', 'shadowDatabase must be the name of a database.')
  // SQL Server finds a name with spaces behind it too.
  if (shadow.trim().toLowerCase() === database.trim().toLowerCase()) {
    throw new EntraError(
      'CONFIG_INVALID',
      `shadowDatabase is the database itself, "${database}", and Prisma would empty it. Name another one.`,
    )
  }
  return shadow
}

function schemaOf(schema: string | undefined): string | undefined {
  if (schema?.trim() === '') throw new EntraError('CONFIG_INVALID', 'schema must be the name of a schema.')
  return schema
}

/**
 * Turns Prisma's engine away where it would run CREATE DATABASE on Azure: for want of a shadow database, and, from
 * `master`, for want of the database itself, whose name may only be misspelt.
 */
function refusalOf(database: string, target: Target): string | undefined {
  if (database === NO_SHADOW_DATABASE) return WITHOUT_SHADOW_DATABASE
  const named = target.database ?? ''
  if (database.toLowerCase() !== 'master' || named.toLowerCase() === 'master' || !isAzureHost(target.host))
    return undefined
  return (
    `The server has no database "${named}". Prisma would make one, which on Azure is billed. ` +
    'Correct its name in the connection string, or make it yourself.'
  )
}

const WITHOUT_SHADOW_DATABASE =
  'This command needs a shadow database, which Prisma empties and fills to compare schemas. On Azure it must be there ' +
  'beforehand (a new one is billed). Make an empty one beside the main one, and name it in prisma.config.ts: ' +
  "entraDatasource('…', { shadowDatabase: 'app_shadow' })."

function tell(message: string): void {
  process.stderr.write(`prisma-adapter-mssql-entra: ${message}\n`)
}
