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
  /** A source of tokens, instead of `scope` and everything that says how to sign in. */
  tokenSource?: TokenSource
  /** What the token is for. @defaultValue by the server's host name */
  scope?: string
  /** The schema of the models. @defaultValue the `schema` of the connection string */
  schema?: string
  /**
   * Whether Prisma's engine encrypts on its way to the proxy, which does not leave this machine. It then verifies the
   * proxy's certificate by a temporary file, which is deleted when the process ends.
   *
   * @defaultValue false
   */
  encrypt?: boolean
  /** Called with the proxy's events. Must not throw. */
  onEvent?: (event: ProxyEvent) => void
}

/** What `datasource` of `prisma.config.ts` takes. */
export interface EntraDatasource {
  /** Absent if {@link entraDatasource} got no connection string. */
  url?: string
  shadowDatabaseUrl?: string
}

/** The name that Prisma gets if there is no shadow database. */
const NO_SHADOW_DATABASE = 'shadowDatabase is not set'

/**
 * The `datasource` for `prisma.config.ts` with which Prisma's commands sign in by token. It starts a loopback proxy in the
 * command's own process and gives its connection strings. It connects to nothing until the command does, and does not
 * keep the process alive. It writes to standard error what Prisma would not show: why a login failed and what to do
 * about it, and what it waits for while a database is paused or moving.
 *
 * On Azure and Fabric, where databases are billed, Prisma creates none: no shadow database, and no missing main one.
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
 * @param config - what `PrismaMssqlEntra` takes; it must name the database. If it is undefined or empty, because a variable is
 * not set, so is the result: `prisma generate` still works, and commands that need a database say so
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
      // Prisma's engine shows only the server's error, and its own text for 18456 and 4060.
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
 * The shadow database to name to Prisma. Behind the proxy, its engine does not notice Azure, and without a name it would
 * run CREATE DATABASE there, which is billed. So it gets a name that the proxy refuses.
 */
function shadowOf({ host, database }: Target, shadow: string | undefined): string | undefined {
  if (database === undefined) {
    throw new EntraError('CONFIG_INVALID', 'The connection string names no database: add ;database=…')
  }
  if (shadow === undefined) return isAzureHost(host) ? NO_SHADOW_DATABASE : undefined
  if (shadow.trim() === '') throw new EntraError('CONFIG_INVALID', 'shadowDatabase must be the name of a database.')
  // SQL Server ignores spaces at the end of a name.
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
 * Refuses Prisma's engine if it would run CREATE DATABASE on Azure: for a shadow database, or, from `master`, for the
 * database itself, whose name may only be misspelled.
 */
function refusalOf(database: string, target: Target): string | undefined {
  if (database === NO_SHADOW_DATABASE) return WITHOUT_SHADOW_DATABASE
  const named = target.database ?? ''
  if (database.toLowerCase() !== 'master' || named.toLowerCase() === 'master' || !isAzureHost(target.host))
    return undefined
  return (
    `The server has no database "${named}". Prisma would create one, which Azure bills. ` +
    'Correct its name in the connection string, or create it yourself.'
  )
}

const WITHOUT_SHADOW_DATABASE =
  'This command needs a shadow database, which Prisma empties and fills to compare schemas. On Azure it must exist ' +
  'beforehand (a new one is billed). Create an empty one next to the main one, and name it in prisma.config.ts: ' +
  "entraDatasource('…', { shadowDatabase: 'app_shadow' })."

function tell(message: string): void {
  process.stderr.write(`prisma-adapter-mssql-entra: ${message}\n`)
}
