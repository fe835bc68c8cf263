import { explainDriverError } from '../driver/driver-errors.ts'
import type { EntraConnection } from '../driver/entra-connection.ts'
import { addToRole, bracketed } from '../login/principal.ts'
import type { Clock } from '../time/clock.ts'
import type { Finding } from './steps.ts'

/** A row by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>

/** The only row of a query. @throws EntraError, or the server's error */
export async function queryRow(session: EntraConnection, sql: string): Promise<Row> {
  try {
    const { columnNames, rows } = await session.queryRaw({ sql, args: [], argTypes: [] })
    return Object.fromEntries(columnNames.map((name, index) => [name, rows[0]?.[index]]))
  } catch (error) {
    throw explainDriverError(error)
  }
}

/** Who we are in the database. */
export interface SessionIdentity {
  user: string
  /** The default schema. */
  schema: string
  /** How far this machine's clock is ahead of the server's, in ms, to about a second. */
  skewMs: number
}

const ROLES = ['db_owner', 'db_datareader', 'db_datawriter', 'db_ddladmin'] as const

/** The server's time is read as seconds since then, which fits an INT and has no time zone. */
const BASE = Date.UTC(2020, 0, 1)

const IDENTITY = `SELECT SUSER_SNAME() AS [login], USER_NAME() AS [user], DB_NAME() AS [database],
  SCHEMA_NAME() AS [schema], CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(128)) AS [serverVersion],
  CAST(SERVERPROPERTY('Edition') AS NVARCHAR(128)) AS [edition],
  DATEDIFF(SECOND, '2020-01-01', SYSUTCDATETIME()) AS [seconds],
  ${ROLES.map((role) => `IS_ROLEMEMBER('${role}') AS [${role}]`).join(', ')}`

/** The edition of Azure SQL Database: only there is a service objective. */
const AZURE_EDITION = 'SQL Azure'
const OBJECTIVE = `SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'ServiceObjective') AS NVARCHAR(128)) AS [objective]`

/**
 * Asks the database who we are and, on Azure, for its service objective.
 *
 * @param connections - of one instance of the application, at most
 * @param logins - that a rotation makes at once
 */
export async function checkIdentity(
  session: EntraConnection,
  clock: Clock,
  connections: number,
  logins: number,
): Promise<Finding<SessionIdentity>> {
  const before = clock.now()
  const row = await queryRow(session, IDENTITY)
  const skewMs = (before + clock.now()) / 2 - (BASE + Number(row.seconds) * 1000 + 500)
  const roles = ROLES.filter((role) => Number(row[role]) === 1)
  const text = (name: string) => (typeof row[name] === 'string' ? row[name].replace(/\p{Cc}/gu, ' ') : '')
  const [login, user, database, schema] = [text('login'), text('user'), text('database'), text('schema')]
  const [serverVersion, edition] = [text('serverVersion'), text('edition')]
  const { objective } = edition === AZURE_EDITION ? await queryRow(session, OBJECTIVE) : {}
  const serviceObjective = typeof objective === 'string' ? objective : undefined
  const capacity = serviceObjective && capacityOf(serviceObjective, connections, logins)
  const found = [
    `user ${user} in database ${database}`,
    `roles: ${roles.join(', ') || 'none of the fixed ones'}`,
    ...(capacity === undefined ? [] : [capacity]),
  ]
  return {
    value: { user, schema, skewMs },
    summary: found.join('; '),
    details: { login, user, database, schema, roles, serverVersion, edition, serviceObjective, capacity },
  }
}

/**
 * How many workers a database has at once, by its service objective; a login needs one too. Source: Microsoft Learn,
 * "Resource limits for single databases", in the DTU and in the vCore purchasing model.
 */
const DTU_WORKERS: Readonly<Record<string, number>> = { Basic: 30, S0: 60, S1: 90, S2: 120, S3: 200, P1: 200 }
const WORKERS_PER_VCORE = 100
/** Of the most vCores that a serverless database scales to. */
const WORKERS_PER_SERVERLESS_VCORE = 75

/**
 * How many workers a database has; undefined if its service objective does not say.
 *
 * @param objective - `S0`, or `GP_S_Gen5_2`: tier, `S` for serverless, hardware, vCores
 */
export function concurrentWorkers(objective: string): number | undefined {
  if (Object.hasOwn(DTU_WORKERS, objective)) return DTU_WORKERS[objective]
  const [, serverless, vCores] = /^(?:GP|BC|HS)_(S_)?[A-Z]\w*_(\d+)$/i.exec(objective) ?? []
  if (vCores === undefined) return undefined
  return Number(vCores) * (serverless === undefined ? WORKERS_PER_VCORE : WORKERS_PER_SERVERLESS_VCORE)
}

/**
 * How many instances of the application a database supports, in words; undefined if its service objective does not say.
 *
 * @param connections - of one instance, at most
 * @param logins - that a rotation makes at once
 */
export function capacityOf(objective: string, connections: number, logins: number): string | undefined {
  const workers = concurrentWorkers(objective)
  if (workers === undefined) return undefined
  const instances = Math.max(Math.floor(workers / (connections + logins)), 1)
  const each = `${connections} connection${connections === 1 ? '' : 's'} and ${logins} login${logins === 1 ? '' : 's'}`
  return `${objective} has ${workers} workers: enough for ${instances} instance${instances === 1 ? '' : 's'} of ${each} at once`
}

/** The rights that a part of Prisma needs. */
export interface Rights {
  onDatabase: readonly string[]
  onSchema: readonly string[]
  /** Nothing works without these. */
  vital: readonly string[]
  /** The fixed roles that grant all of them. */
  roles: readonly string[]
  /** Who can do without the missing ones. */
  exception: string
}

/** For Prisma Client's queries. */
export const CLIENT_RIGHTS: Rights = {
  onDatabase: ['CONNECT'],
  onSchema: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  vital: ['CONNECT', 'SELECT'],
  roles: ['db_datareader', 'db_datawriter'],
  exception: 'Prisma Client works without them only if they are granted on the individual tables that it uses.',
}

/** For migrations. */
export const MIGRATE_RIGHTS: Rights = {
  onDatabase: ['CREATE TABLE'],
  onSchema: ['ALTER', 'REFERENCES'],
  vital: [],
  roles: ['db_ddladmin'],
  exception: 'An identity that only runs queries needs none of them and is safer without them.',
}

/** T-SQL that asks for each right by its name. */
export function rightsQuery({ onDatabase, onSchema }: Rights, schema: string): string {
  const name = `N'${schema.replaceAll("'", "''")}'`
  const column = (securable: string, kind: string) => (permission: string) =>
    `HAS_PERMS_BY_NAME(QUOTENAME(${securable}), '${kind}', '${permission}') AS [${permission}]`
  const columns = [...onDatabase.map(column('DB_NAME()', 'DATABASE')), ...onSchema.map(column(name, 'SCHEMA'))]
  return `SELECT SCHEMA_ID(${name}) AS [schema], ${columns.join(', ')}`
}

/** What the answer to {@link rightsQuery} means. */
export function rightsFinding(row: Row, wanted: Rights, user: string, schema: string): Finding<true> {
  const { onDatabase, onSchema, vital, roles, exception } = wanted
  if (row.schema === null || row.schema === undefined) {
    const text = `There is no schema "${schema}" in the database. Check schema=…, or run: CREATE SCHEMA ${bracketed(schema)};`
    return { summary: '', details: { schema }, error: new Error(text) }
  }
  const names = [...onDatabase, ...onSchema]
  const missing = names.filter((permission) => Number(row[permission]) !== 1)
  const granted = names.filter((permission) => !missing.includes(permission))
  const details = { schema, granted, missing }
  if (missing.length === 0) return { value: true, summary: `${names.join(', ')} in ${schema}`, details }
  const text =
    `The user "${user}" has no right to ${missing.join(', ')} in the schema ${schema}. ${exception} To grant them, run in ` +
    `the database, as the server's Entra administrator:\n${roles.map((role) => addToRole(role, user)).join('\n')}`
  const summary = granted.length === 0 ? 'none of the rights' : `only ${granted.join(', ')} in ${schema}`
  if (missing.some((permission) => vital.includes(permission))) return { summary, details, error: new Error(text) }
  return { value: true, summary, details, warnings: [text] }
}
