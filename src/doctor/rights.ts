import { addToRole, bracketed } from '../login/principal.ts'
import type { Identity } from './identity.ts'
import type { Row } from './session.ts'
import type { Outcome } from './step.ts'

/** A right, and what it is to be had on: the database, or the schema of the models. */
type Right = readonly [on: 'DATABASE' | 'SCHEMA', permission: string]

/** What one of Prisma's halves does in a database. */
export interface Rights {
  rights: readonly Right[]
  /** Without these it cannot do anything. */
  vital: readonly string[]
  /** The fixed roles that have all of it. */
  roles: readonly string[]
  /** Who goes without what is missing. */
  whoLacks: string
}

/** Queries of Prisma Client. */
export const CLIENT_RIGHTS: Rights = {
  rights: [
    ['DATABASE', 'CONNECT'],
    ['SCHEMA', 'SELECT'],
    ['SCHEMA', 'INSERT'],
    ['SCHEMA', 'UPDATE'],
    ['SCHEMA', 'DELETE'],
  ],
  vital: ['CONNECT', 'SELECT'],
  roles: ['db_datareader', 'db_datawriter'],
  whoLacks: 'Prisma Client can do without only where it needs them on single tables and has them there.',
}

/** Migrations. Who only runs queries needs none of it. */
export const MIGRATE_RIGHTS: Rights = {
  rights: [
    ['DATABASE', 'CREATE TABLE'],
    ['SCHEMA', 'ALTER'],
    ['SCHEMA', 'REFERENCES'],
  ],
  vital: [],
  roles: ['db_ddladmin'],
  whoLacks: 'An identity that only runs queries needs none of them: better so.',
}

/** Looks at what the user may do. */
export async function askRights(
  { session, user, schema: usual }: Identity,
  modelSchema: string | undefined,
  rights: Rights,
): Promise<Outcome<true>> {
  const schema = modelSchema ?? usual
  return judgeRights(await session.row(rightsQuery(rights, schema)), rights, { user, schema })
}

/** T-SQL that asks for each right by its name. */
export function rightsQuery({ rights }: Pick<Rights, 'rights'>, schema: string): string {
  const name = `N'${schema.replaceAll("'", "''")}'`
  const columns = rights.map(([on, permission]) => {
    const securable = on === 'DATABASE' ? 'DB_NAME()' : name
    return `HAS_PERMS_BY_NAME(QUOTENAME(${securable}), '${on}', '${permission}') AS [${permission}]`
  })
  return `SELECT SCHEMA_ID(${name}) AS [schema], ${columns.join(', ')}`
}

/** What the answer to {@link rightsQuery} means: pure. */
export function judgeRights(
  row: Row,
  { rights, vital, roles, whoLacks }: Rights,
  { user, schema }: { user: string; schema: string },
): Outcome<true> {
  if (row.schema === null || row.schema === undefined) {
    return {
      summary: '',
      details: { schema },
      error: new Error(
        `There is no schema "${schema}" in the database. Check schema=…, or run: CREATE SCHEMA ${bracketed(schema)};`,
      ),
    }
  }
  const names = rights.map(([, permission]) => permission)
  const missing = names.filter((permission) => Number(row[permission]) !== 1)
  const granted = names.filter((permission) => !missing.includes(permission))
  const details = { schema, granted, missing }
  if (missing.length === 0) return { value: true, summary: `${names.join(', ')} in ${schema}`, details }
  const text =
    `The user "${user}" has no right to ${missing.join(', ')} in the schema ${schema}. ${whoLacks} To give them, run in ` +
    `the database, as the server's Entra administrator:\n${roles.map((role) => addToRole(role, user)).join('\n')}`
  const summary = granted.length === 0 ? 'none of the rights' : `only ${granted.join(', ')} in ${schema}`
  if (missing.some((permission) => vital.includes(permission))) return { summary, details, error: new Error(text) }
  return { value: true, summary, details, warnings: [text] }
}
