import type { DatabaseConnection } from './connection.ts'
import { SqlError, unsupported } from './sql-error.ts'

const TIMED_OUT = -1

/**
 * Runs a system procedure. Application locks are PostgreSQL's advisory locks.
 *
 * @param names - the names of the arguments, where they were given
 * @returns the procedure's return value
 */
export async function executeProcedure(
  procedure: string,
  names: readonly (string | undefined)[],
  values: readonly (string | null)[],
  connection: DatabaseConnection,
): Promise<number> {
  const argument = (name: string, position: number) => {
    const at = names.indexOf(name)
    return values[at >= 0 ? at : position] ?? undefined
  }
  switch (procedure) {
    case 'sp_getapplock': {
      const owner = argument('@lockowner', 2)?.toLowerCase() ?? 'transaction'
      return getLock(connection, argument('@resource', 0) ?? '', owner, Number(argument('@locktimeout', 3) ?? -1))
    }
    case 'sp_releaseapplock':
      await connection.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [argument('@resource', 0) ?? ''])
      return 0
    default:
      throw unsupported(`the procedure ${procedure}`)
  }
}

async function getLock(connection: DatabaseConnection, name: string, owner: string, timeout: number): Promise<number> {
  const scope = owner === 'session' ? 'pg_advisory_lock' : 'pg_advisory_xact_lock'
  try {
    if (timeout >= 0) await connection.script(`SET lock_timeout = ${Math.max(timeout, 1)}`)
    await connection.query(`SELECT ${scope}(hashtextextended($1, 0))`, [name])
    return 0
  } catch (error) {
    if ((error as { code?: string }).code === '55P03') return TIMED_OUT
    throw error instanceof SqlError ? error : (error as Error)
  } finally {
    if (timeout >= 0) await connection.script('SET lock_timeout = 0').catch(() => {})
  }
}
