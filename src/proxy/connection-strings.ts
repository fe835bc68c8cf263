import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EntraError } from '../errors/entra-error.ts'

/** A SQL login on a loopback proxy. */
export interface Door {
  host: string
  port: number
  user: string
  password: string
  database?: string | undefined
  /** Of Prisma's models; no other kind of string has it. */
  schema?: string | undefined
  /** The file that its authority's certificate is in: then Prisma's engine encrypts. */
  caFile?: string | undefined
}

/** Ten minutes for what takes it in ms, as the official adapter does; a week for Prisma's engine, which has s. */
const LONG = 600_000

/** The proxy has its own connect timeout, in s: a client must wait longer than that, and for a paused database. */
const LONG_SECONDS = 600

/**
 * Connection strings for a door, by the kind of tool that takes them. They ask for no encryption, which a client could
 * only have with a certificate that the machine trusts, and for a long connect timeout: the proxy has its own, and waits
 * for a paused database.
 */
const FORMATS = {
  /** Prisma, whose braces quote a name whatever it holds. */
  prisma: ({ host, port, user, password, database, schema, caFile }: Door) =>
    [
      `sqlserver://${host}:${port}`,
      ...Object.entries({ database, schema }).flatMap(([key, name]) =>
        name === undefined ? [] : [`${key}={${quotable(key, name)}}`],
      ),
      `user=${user}`,
      `password=${password}`,
      ...(caFile === undefined
        ? ['encrypt=DANGER_PLAINTEXT']
        : ['encrypt=true', `trustServerCertificateCA={${quotable('file', caFile)}}`]),
      `connectTimeout=${LONG}`,
    ].join(';'),
  /** SqlClient, node-mssql, Entity Framework. */
  'ado.net': ({ host, port, user, password, database }: Door) =>
    [
      `Server=tcp:${host},${port}`,
      ...(database === undefined ? [] : [`Initial Catalog="${database.replaceAll('"', '""')}"`]),
      `User ID=${user}`,
      `Password=${password}`,
      'Encrypt=False',
      `Connect Timeout=${LONG_SECONDS}`,
    ].join(';'),
  /** Microsoft's JDBC driver, Flyway, Liquibase. */
  jdbc: ({ host, port, user, password, database }: Door) =>
    [
      `jdbc:sqlserver://${host}:${port}`,
      ...(database === undefined ? [] : [`databaseName={${database.replaceAll('}', '}}')}}`]),
      `user=${user}`,
      `password=${password}`,
      'encrypt=false',
      `loginTimeout=${LONG_SECONDS}`,
    ].join(';'),
  /** Sequelize, whose driver encrypts whatever it says and takes any certificate. Neither node-mssql nor knex nor TypeORM. */
  uri: ({ host, port, user, password, database }: Door) =>
    `mssql://${user}:${password}@${host}:${port}/${encodeURIComponent(database ?? '')}?encrypt=false`,
} as const satisfies Record<string, (door: Door) => string>

/** The kinds of connection strings that a door can be named by. */
export type UrlFormat = keyof typeof FORMATS

export const URL_FORMATS = Object.keys(FORMATS) as UrlFormat[]

/** @throws {@link EntraError} `CONFIG_INVALID` for a name with `}`, which Prisma's strings cannot hold */
export function connectionStringFor(door: Door, format: UrlFormat = 'prisma'): string {
  return FORMATS[format](door)
}

function quotable(key: string, name: string): string {
  if (name.includes('}')) throw new EntraError('CONFIG_INVALID', `The name of a ${key} must not hold "}".`)
  return name
}

/** What ends a process and can be noticed before it does. */
const ENDINGS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Writes a certificate to a file in a folder of its own, which is this user's alone and goes with the process, unless
 * that is killed outright.
 *
 * @returns its path, which ends in `.pem`: Prisma's engine goes by that
 */
export function temporaryCaFile(certificate: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'prisma-mssql-entra-'))
  const file = join(folder, 'ca.pem')
  writeFileSync(file, certificate, { mode: 0o600 })
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  for (const signal of ENDINGS) {
    process.once(signal, () => {
      remove()
      // With a listener a signal ends nobody any more: where this was the only one, the process is to end all the same.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
    })
  }
  return file
}
