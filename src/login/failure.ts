import { EntraError, type Failure, rowOf } from '../errors/entra-error.ts'
import { failureOfRefusal, SERVER_BUSY } from './refusals.ts'

/**
 * What a failure means; undefined if it is the work's own (an SQL error) or permanent.
 *
 * @param databaseWasOpened - whether this database could be opened before
 */
export function failureOf(error: unknown, databaseWasOpened: boolean): Failure | undefined {
  if (!(error instanceof EntraError)) return undefined
  const { code, number } = error
  // DNS may come back. A server that Azure's gateway does not know will not.
  if (code === 'SERVER_NOT_FOUND' && number !== undefined) return undefined
  const { failure } = rowOf(code)
  if (failure !== 'by-number') return failure
  return number === undefined ? undefined : failureOfRefusal(number, databaseWasOpened)
}

/** Whether a server refused because it is at a limit, to which each attempt adds. */
export function isAtLimit(error: unknown): boolean {
  if (!(error instanceof EntraError)) return false
  return error.code === 'TOO_MANY_CONNECTIONS' || (error.number !== undefined && SERVER_BUSY.includes(error.number))
}
