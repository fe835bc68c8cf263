import type { config as MssqlConfig } from 'mssql'
import { NO_CONFIG, readConfig } from './config/config.ts'
import { withDatabase } from './config/connection-string.ts'
import { recordDatasource } from './config/datasource-recorder.ts'
import { startConfigProxy } from './config-proxy.ts'
import type { SignInOptions } from './credentials/sign-in-options.ts'
import { EntraError } from './errors/entra-error.ts'
import { printable, wrapped } from './errors/wording.ts'
import type { PrismaMssqlEntraOptions } from './options.ts'
import { temporaryCaFile } from './proxy/connection-strings.ts'
import { problemIn } from './proxy/events.ts'
import { checkShadowDatabase } from './proxy/prisma-guards.ts'
import type { ProxyOptions } from './proxy/settings.ts'

export { EntraError, type EntraErrorCode } from './errors/entra-error.ts'
export type { ProxyEvent } from './proxy/events.ts'

/** Options of {@link entraDatasource}: how to sign in, as for `PrismaMssqlEntra`, and the shadow database. */
export interface EntraDatasourceOptions
  extends SignInOptions,
    Pick<PrismaMssqlEntraOptions, 'tokenSource' | 'scope' | 'schema' | 'allowPassword'>,
    Pick<ProxyOptions, 'endAtExpiry' | 'timing' | 'onEvent'> {
  /**
   * A second database on the same server, which `migrate dev`, `migrate diff` and the like may empty at any time.
   *
   * @defaultValue none: on Azure and Fabric those commands stop and say so; elsewhere Prisma creates one and drops it again
   */
  shadowDatabase?: string
  /**
   * Whether Prisma's engine encrypts its connection to the proxy, which does not leave this machine. It then verifies the
   * proxy's certificate with a temporary file, which is deleted when the process ends.
   *
   * @defaultValue false
   */
  encrypt?: boolean
}

/** What `datasource` of `prisma.config.ts` takes. */
export interface EntraDatasource {
  /** Absent if {@link entraDatasource} got no connection string. */
  url?: string
  shadowDatabaseUrl?: string
  /**
   * Closes the proxy with all of its connections, and removes the file of `encrypt`. Prisma's commands do not need it.
   * It is inherited because Prisma rejects a datasource with properties that it does not know.
   */
  close(): Promise<void>
}

/** Commands of Prisma that need no connection string. */
const WITHOUT_DATABASE = ['generate', 'validate', 'format', 'version', 'init']

/** The datasources that are open, with what they were made for. */
const open = new Set<{ made: readonly unknown[]; datasource: Promise<EntraDatasource> }>()

/** How a shadow database is named to {@link entraDatasource}. */
const SHADOW_DATABASE_REMEDY = "name it in prisma.config.ts: entraDatasource('…', { shadowDatabase: 'app_shadow' })"

/**
 * The `datasource` for `prisma.config.ts` with which Prisma's commands sign in by token. It starts a loopback proxy in the
 * command's own process and returns connection strings for it. It connects to nothing until the command does, and does not
 * keep the process alive. It writes to standard error what Prisma would not show: why a login failed and what to do
 * about it, and what it waits for while a database is paused or moving.
 *
 * Calls with the same arguments share one proxy, until it is closed.
 *
 * A connection string with a user and a password for a server on this machine, or with `allowPassword` for another one
 * outside Azure, is passed to Prisma unchanged.
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
 * @param config - as for `PrismaMssqlEntra`; it must name the database. If it is undefined or empty, because a variable is not
 * set, the result is empty too, and standard error says so: `prisma generate` still works
 * @throws {@link EntraError} `CONFIG_INVALID`, `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`
 */
export async function entraDatasource(
  config: MssqlConfig | string | undefined,
  options: EntraDatasourceOptions = {},
): Promise<EntraDatasource> {
  // The command line tool reads the file to connect by itself.
  const recorded = recordDatasource({ config, options })
  if (recorded !== undefined) return closedBy({ url: recorded }, async () => {})
  if (config === undefined || config === '') {
    if (!WITHOUT_DATABASE.some((command) => process.argv.includes(command))) tell(NO_CONFIG)
    return closedBy({}, async () => {})
  }
  if (typeof config === 'string' && hasPassword(config, options)) {
    const { shadowDatabase } = options
    const shadow = shadowDatabase !== undefined && { shadowDatabaseUrl: withDatabase(config, shadowDatabase) }
    return closedBy({ url: config, ...shadow }, async () => {})
  }
  const made = [config, options] as const
  const same = [...open].find((each) => isSame(each.made, made))
  if (same !== undefined) return same.datasource
  const forget = () => open.delete(entry)
  const datasource = openDatasource(config, options, forget)
  const entry = { made, datasource }
  open.add(entry)
  datasource.catch(forget)
  return datasource
}

/** Whether a connection string has a user and a password that are allowed for its server: then Prisma needs no proxy. */
function hasPassword(config: string, options: EntraDatasourceOptions): boolean {
  const inCode = options.credential === undefined ? options : {}
  return readConfig(config, inCode, options.allowPassword ?? false).sqlLogin !== undefined
}

/** Whether two values are the same data. Credentials, functions and other instances are only the same as themselves. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const prototype = Object.getPrototypeOf(a)
  if (prototype !== Object.getPrototypeOf(b) || (prototype !== Object.prototype && prototype !== Array.prototype))
    return false
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))]
  return left.size === right.size && [...left].every(([key, value]) => right.has(key) && isSame(value, right.get(key)))
}

async function openDatasource(
  config: MssqlConfig | string,
  options: EntraDatasourceOptions,
  onClose: () => void,
): Promise<EntraDatasource> {
  const { shadowDatabase, schema, tokenSource } = options
  const { proxy, setup, target, url } = await startConfigProxy(config, options, {
    format: 'engine',
    unref: true,
    shadowDatabaseRemedy: SHADOW_DATABASE_REMEDY,
    say: tell,
    onEvent(event) {
      // Prisma's engine shows only the server's error, and its own text for 18456 and 4060.
      const problem = problemIn(event)
      if (problem !== undefined) tell(problem)
    },
  })
  let ca: ReturnType<typeof temporaryCaFile> | undefined
  const close = async () => {
    onClose()
    ca?.remove()
    await proxy.close()
    if (tokenSource === undefined) setup.tokenSource.close()
  }
  try {
    if (target.database === undefined) throw invalid('The connection string names no database: add ;database=…')
    if (schema?.trim() === '') throw invalid('schema must be the name of a schema.')
    checkShadowDatabase(target, shadowDatabase, 'shadowDatabase')
    if (options.encrypt) ca = temporaryCaFile(proxy.ca)
    const caFile = ca?.file
    const shadow = shadowDatabase !== undefined && { shadowDatabaseUrl: url({ database: shadowDatabase, caFile }) }
    return closedBy({ url: url({ caFile }), ...shadow }, close)
  } catch (error) {
    await close()
    throw error
  }
}

/** The prototype has `close`: Prisma looks at non-enumerable properties too. */
function closedBy(urls: Omit<EntraDatasource, 'close'>, close: () => Promise<void>): EntraDatasource {
  let closed: Promise<void> | undefined
  const once = () => {
    closed ??= close()
    return closed
  }
  return Object.assign(Object.create({ close: once }), urls)
}

function invalid(message: string): EntraError {
  return new EntraError('CONFIG_INVALID', message)
}

function tell(message: string): void {
  const width = process.stderr.isTTY ? process.stderr.columns : Number.POSITIVE_INFINITY
  process.stderr.write(`${wrapped(printable(`prisma-adapter-mssql-entra: ${message}`), width)}\n`)
}
