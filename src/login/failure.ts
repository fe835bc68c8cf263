import { EntraError, type Failure, rowOf } from '../errors/entra-error.ts'

/**
 * Error numbers of a database that is paused, moving or busy at login.
 *
 * Source: Microsoft Learn, "Troubleshoot transient connection errors in Azure SQL Database"; the governance errors
 * 10928, 10929 and 10936 are of a database at its limit of workers or sessions.
 */
const TRANSIENT_AT_LOGIN = new Set([615, 926, 4221, 10928, 10929, 10936, 40197, 40501, 40613, 49918, 49919, 49920])

/** "Cannot open database … requested by the login": while a database moves, or for good where its name is wrong. */
const CANNOT_OPEN_DATABASE = 4060

/** 18456: the login failed; 37396: the token has expired. */
const TOKEN_REFUSED = [18456, 37396]

/** Whether a server says by this number that it does not take the token. */
export function isTokenRefusal(number: number): boolean {
  return TOKEN_REFUSED.includes(number)
}

/**
 * What a failure means; undefined if it is the work's own (an SQL error) or permanent.
 *
 * @param databaseWasOpened - whether this database could be opened before: then 4060 means that it is moving
 */
export function failureOf(error: unknown, databaseWasOpened: boolean): Failure | undefined {
  if (!(error instanceof EntraError)) return undefined
  const { code, number } = error
  // DNS may come back. A server that Azure's gateway does not know will not.
  if (code === 'SERVER_NOT_FOUND' && number !== undefined) return undefined
  const { failure } = rowOf(code)
  return failure === 'by-number' ? failureOfLogin(number, databaseWasOpened) : failure
}

function failureOfLogin(number: number | undefined, databaseWasOpened: boolean): Failure | undefined {
  if (number === undefined) return undefined
  if (isTokenRefusal(number)) return 'token'
  if (number === CANNOT_OPEN_DATABASE) return databaseWasOpened ? 'unavailable' : undefined
  return TRANSIENT_AT_LOGIN.has(number) ? 'unavailable' : undefined
}
