import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { config as MssqlConfig } from 'mssql'
import { isolationLevelName } from '../config/isolation-levels.ts'
import { EntraError } from '../errors/entra-error.ts'

/** What a config says that each client of a proxy sets for itself, by the name of its parameter. */
export interface ClientSettings {
  /** In ms. */
  socketTimeout?: number
  connectionLimit?: number
  /** In ms. */
  poolTimeout?: number
  isolationLevel?: string
  packetSize?: number
  workstationID?: string
}

export function clientSettingsOf({ requestTimeout, pool = {}, options = {} }: MssqlConfig): ClientSettings {
  const { isolationLevel } = options
  const said = {
    socketTimeout: requestTimeout,
    connectionLimit: pool.max,
    poolTimeout: pool.acquireTimeoutMillis,
    isolationLevel: isolationLevel === undefined ? undefined : isolationLevelName(isolationLevel),
    packetSize: options.packetSize,
    workstationID: options.workstationId,
  }
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
}

/** Options of `LoopbackProxy.url`. */
export interface UrlOptions {
  /** @defaultValue the target's */
  database?: string | undefined
  /** Of Prisma's models. Only Prisma's strings have it. */
  schema?: string | undefined
  /** The file with `LoopbackProxy.ca`: makes Prisma's engine encrypt. */
  caFile?: string | undefined
  /** What else it says, as far as it can. @defaultValue nothing */
  settings?: ClientSettings | undefined
  /** @defaultValue 'prisma' */
  format?: UrlFormat
}

/** A SQL login on a loopback proxy. */
export interface ProxyLogin extends Omit<UrlOptions, 'format'> {
  host: string
  port: number
  user: string
  password: string
}

/** Ten minutes for clients that read it in ms, as the official adapter does; a week for Prisma's engine, which reads s. */
const LONG = 600_000

/** In s. The proxy has its own connect timeout. A client must wait longer than that, and for a paused database. */
const LONG_SECONDS = 600

/** The parts of a connection string; what a login does not name is left out. */
type Parts = (string | false)[]

/** For Prisma, where braces quote any name. */
function prismaParts({ host, port, user, password, database, schema, caFile }: ProxyLogin): Parts {
  return [
    `sqlserver://${host}:${port}`,
    database !== undefined && `database={${quotable('database', database)}}`,
    schema !== undefined && `schema={${quotable('schema', schema)}}`,
    `user=${user}`,
    `password=${password}`,
    caFile === undefined ? 'encrypt=DANGER_PLAINTEXT' : 'encrypt=true',
    caFile !== undefined && `trustServerCertificateCA={${quotable('file', caFile)}}`,
    `connectTimeout=${LONG}`,
  ]
}

/**
 * Connection strings, by the kind of tool that reads them. They turn encryption off, since a client could only verify a
 * certificate that the machine trusts.
 */
const FORMATS = {
  prisma: prismaParts,
  engine: prismaParts,
  /** SqlClient, node-mssql, Entity Framework. */
  'ado.net': ({ host, port, user, password, database }: ProxyLogin): Parts => [
    `Server=tcp:${host},${port}`,
    database !== undefined && `Initial Catalog="${database.replaceAll('"', '""')}"`,
    `User ID=${user}`,
    `Password=${password}`,
    'Encrypt=False',
    `Connect Timeout=${LONG_SECONDS}`,
  ],
  /** Microsoft's JDBC driver, Flyway, Liquibase. */
  jdbc: ({ host, port, user, password, database }: ProxyLogin): Parts => [
    `jdbc:sqlserver://${host}:${port}`,
    database !== undefined && `databaseName={${database.replaceAll('}', '}}')}}`,
    `user=${user}`,
    `password=${password}`,
    'encrypt=false',
    `loginTimeout=${LONG_SECONDS}`,
  ],
  /** Sequelize. Its driver encrypts all the same, and accepts any certificate. Not for node-mssql, knex or TypeORM. */
  uri: ({ host, port, user, password, database }: ProxyLogin): Parts => [
    `mssql://${user}:${password}@${host}:${port}/${encodeURIComponent(database ?? '')}?encrypt=false`,
  ],
}

export type UrlFormat = keyof typeof FORMATS

/** Those that you can choose. `engine`: Prisma's, for its own engine, which reads times in s. */
export const URL_FORMATS = (Object.keys(FORMATS) as UrlFormat[]).filter((format) => format !== 'engine')

const seconds = (ms: number) => Math.ceil(ms / 1000)

type Parameters = { [K in keyof ClientSettings]?: (value: NonNullable<ClientSettings[K]>) => string }

const PRISMA: Parameters = {
  // As the official adapter reads it. Prisma's engine would take seconds for milliseconds, and wait too long: the other way
  // round, no statement would end in time.
  socketTimeout: (ms) => `socketTimeout=${ms}`,
  connectionLimit: (limit) => `connectionLimit=${limit}`,
  poolTimeout: (ms) => `poolTimeout=${seconds(ms)}`,
  isolationLevel: (name) => `isolationLevel=${name}`,
}

/** How each kind of string says what clients set for themselves. */
const PARAMETERS: Record<UrlFormat, Parameters> = {
  prisma: PRISMA,
  engine: { ...PRISMA, socketTimeout: (ms) => `socketTimeout=${seconds(ms)}` },
  'ado.net': {
    socketTimeout: (ms) => `Command Timeout=${seconds(ms)}`,
    connectionLimit: (limit) => `Max Pool Size=${limit}`,
  },
  jdbc: { socketTimeout: (ms) => `queryTimeout=${seconds(ms)}` },
  uri: {},
}

/** @throws {@link EntraError} `CONFIG_INVALID` for a name with `}`, which Prisma's strings cannot hold */
export function connectionStringFor(login: ProxyLogin, format: UrlFormat = 'prisma'): string {
  const parameters = Object.entries(login.settings ?? {}).flatMap(
    ([name, value]) => PARAMETERS[format][name as keyof Parameters]?.(value as never) ?? [],
  )
  return [...FORMATS[format](login), ...parameters].filter((part) => part !== false).join(';')
}

/** A warning that names what a string of this kind cannot hold; undefined if it holds all. */
export function notPassedOn(settings: ClientSettings, format: UrlFormat = 'prisma'): string | undefined {
  const names = Object.keys(settings).filter((name) => !(name in PARAMETERS[format]))
  if (names.length === 0) return undefined
  return `The proxy cannot pass on ${names.join(' and ')}, which each client sets for itself: set it in your tool.`
}

function quotable(key: string, name: string): string {
  if (name.includes('}')) throw new EntraError('CONFIG_INVALID', `The name of a ${key} must not contain "}".`)
  return name
}

/** Signals that end a process and can be handled. */
const TERMINATION: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** The folders of temporary files. While there are any, one listener an event watches for the end of the process. */
const folders = new Set<string>()

/**
 * Writes a certificate to a file in its own folder, which only this user can read. It is removed with the process,
 * unless that is killed by SIGKILL.
 *
 * @returns its path, which ends in `.pem`, as Prisma's engine expects
 */
export function temporaryCaFile(certificate: string): { file: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'prisma-mssql-entra-'))
  const file = join(folder, 'ca.pem')
  writeFileSync(file, certificate, { mode: 0o600 })
  if (folders.size === 0) {
    process.on('exit', removeAll)
    for (const signal of TERMINATION) process.on(signal, removeAndEnd)
  }
  folders.add(folder)
  return { file, remove: () => remove(folder) }
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  if (!folders.delete(folder) || folders.size > 0) return
  process.off('exit', removeAll)
  for (const signal of TERMINATION) process.off(signal, removeAndEnd)
}

function removeAll(): void {
  for (const folder of [...folders]) remove(folder)
}

function removeAndEnd(signal: NodeJS.Signals): void {
  removeAll()
  // A listener keeps the signal from ending the process. If this was the only one, end it now.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
}
