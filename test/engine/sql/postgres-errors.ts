import type { Client } from 'pg'
import { SqlError } from './sql-error.ts'

/** The fields of an error from `pg`. */
interface PostgresError extends Error {
  code?: string
  detail?: string
  table?: string
  schema?: string
  column?: string
  constraint?: string
}

/** The verb of the failed statement, as messages show it. */
export type Verb = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE'

interface Constraint {
  kind: string
  table: string
  tableSchema: string
  columns: string[]
  referenced: string | null
  referencedSchema: string | null
  referencedColumns: string[]
}

const CONSTRAINT = `
  SELECT con.contype AS kind, c.relname AS "table", n.nspname AS "tableSchema", f.relname AS referenced,
    fn.nspname AS "referencedSchema",
    ARRAY(SELECT a.attname::text FROM unnest(con.conkey) k JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k) AS columns,
    ARRAY(SELECT a.attname::text FROM unnest(con.confkey) k JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k) AS "referencedColumns"
  FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_class f ON f.oid = con.confrelid LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
  WHERE con.conname = $1`

/**
 * Returns the error that SQL Server would have raised. Looks constraints up, so the connection must be able to run queries.
 *
 * @throws the error itself where there is no counterpart: that is a bug of the engine, not to be taken for an answer
 */
export async function sqlErrorOf(error: unknown, client: Client, database: string, verb: Verb): Promise<SqlError> {
  if (error instanceof SqlError) return error
  const failure = error as PostgresError
  switch (failure.code) {
    case 'MSSQL': {
      const [, number = '50000', message = ''] = /^(\d+) (.*)$/s.exec(failure.message) ?? []
      return new SqlError(Number(number), message)
    }
    case '23505':
      return duplicateKey(failure, await constraintOf(client, failure.constraint))
    case '23503':
      return foreignKey(failure, await constraintOf(client, failure.constraint), database, verb)
    case '23502': {
      const doing = verb === 'MERGE' || verb === 'SELECT' ? 'INSERT' : verb
      const place = `column '${failure.column}', table '${database}.${failure.schema}.${failure.table}'`
      return new SqlError(
        515,
        `Cannot insert the value NULL into ${place}; column does not allow nulls. ${doing} fails.`,
      )
    }
    case '23514': {
      const place = `database "${database}", table "${failure.schema}.${failure.table}"`
      const what = `The ${verb} statement conflicted with the CHECK constraint "${failure.constraint}".`
      return new SqlError(547, `${what} The conflict occurred in ${place}.`)
    }
    default:
      return simpleError(failure)
  }
}

function simpleError(error: PostgresError): SqlError {
  const [name = ''] = /"([^"]+)"/.exec(error.message)?.slice(1) ?? []
  switch (error.code) {
    case '42P01':
      return new SqlError(208, `Invalid object name '${name}'.`)
    case '42703': {
      const [, column = name] = /column "?([^"]+?)"? (?:of relation|does not exist)/.exec(error.message) ?? []
      return new SqlError(207, `Invalid column name '${column.split('.').at(-1)}'.`)
    }
    case '42P07':
      return new SqlError(2714, `There is already an object named '${name}' in the database.`, 16, 6)
    case '42P06':
      return new SqlError(2714, `There is already an object named '${name}' in the database.`, 16, 6)
    case '42704':
    case '3F000':
      return new SqlError(
        3701,
        `Cannot drop the object '${name}', because it does not exist or you do not have permission.`,
        11,
      )
    case '2BP01':
      return new SqlError(3726, `Could not drop object '${name}' because it is referenced by a FOREIGN KEY constraint.`)
    case '40P01':
      return new SqlError(
        1205,
        'Transaction (Process ID 51) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction.',
        13,
      )
    case '40001':
      return new SqlError(
        3960,
        'Snapshot isolation transaction aborted due to update conflict. Retry the transaction or change the isolation level for the update/delete statement.',
      )
    case '55P03':
      return new SqlError(1222, 'Lock request time out period exceeded.', 16, 45)
    case '22003':
      return new SqlError(
        8115,
        `Arithmetic overflow error converting expression to data type ${overflown(error.message)}.`,
      )
    case '22012':
      return new SqlError(8134, 'Divide by zero error encountered.')
    case '22P02':
      return conversionFailed(error.message)
    case '22007':
    case '22008':
      return new SqlError(241, 'Conversion failed when converting date and/or time from character string.')
    case '57014':
      return new SqlError(0, 'Operation cancelled by user.', 11)
    default:
      throw error
  }
}

function overflown(message: string): string {
  if (/smallint/.test(message)) return 'smallint'
  if (/bigint/.test(message)) return 'bigint'
  if (/integer/.test(message)) return 'int'
  return 'numeric'
}

function conversionFailed(message: string): SqlError {
  const [, type = '', value = ''] = /for type ([\w ]+): "(.*)"/s.exec(message) ?? []
  if (type === 'uuid') {
    return new SqlError(8169, 'Conversion failed when converting from a character string to uniqueidentifier.', 16, 2)
  }
  if (type === 'numeric') return new SqlError(8114, 'Error converting data type nvarchar to numeric.', 16, 5)
  if (type === 'double precision') return new SqlError(8114, 'Error converting data type nvarchar to float.', 16, 5)
  const name = type === 'boolean' ? 'bit' : type === 'integer' ? 'int' : type
  return new SqlError(245, `Conversion failed when converting the nvarchar value '${value}' to data type ${name}.`)
}

async function constraintOf(client: Client, name: string | undefined): Promise<Constraint | undefined> {
  return (await client.query<Constraint>(CONSTRAINT, [name])).rows[0]
}

function duplicateKey(error: PostgresError, constraint: Constraint | undefined): SqlError {
  const [, values = ''] = /\)=\((.*)\) already exists/s.exec(error.detail ?? '') ?? []
  const key = `The duplicate key value is (${values.replaceAll(/\bnull\b/g, '<NULL>')}).`
  const object = `${error.schema}.${error.table}`
  if (constraint === undefined) {
    const index = `unique index '${error.constraint}'`
    return new SqlError(2601, `Cannot insert duplicate key row in object '${object}' with ${index}. ${key}`, 14)
  }
  const kind = constraint.kind === 'p' ? 'PRIMARY KEY' : 'UNIQUE KEY'
  const what = `Violation of ${kind} constraint '${error.constraint}'.`
  return new SqlError(2627, `${what} Cannot insert duplicate key in object '${object}'. ${key}`, 14)
}

function foreignKey(error: PostgresError, constraint: Constraint | undefined, database: string, verb: Verb): SqlError {
  const referencing = /is still referenced from table/.test(error.detail ?? '')
  const same = constraint?.table === constraint?.referenced && constraint?.tableSchema === constraint?.referencedSchema
  const kind = `${referencing ? (same ? 'SAME TABLE REFERENCE' : 'REFERENCE') : same ? 'FOREIGN KEY SAME TABLE' : 'FOREIGN KEY'}`
  const table = referencing
    ? `${constraint?.tableSchema}.${constraint?.table}`
    : `${constraint?.referencedSchema}.${constraint?.referenced}`
  const columns = (referencing ? constraint?.columns : constraint?.referencedColumns) ?? []
  const column = columns.length === 1 ? `, column '${columns[0]}'` : ''
  const what = `The ${verb} statement conflicted with the ${kind} constraint "${error.constraint}".`
  return new SqlError(547, `${what} The conflict occurred in database "${database}", table "${table}"${column}.`)
}
