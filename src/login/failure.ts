import { EntraError } from '../errors/entra-error.ts'

/**
 * What a failure of the pool means for the work that met it.
 *
 * - `token`: the server does not take the token (any more). The statement did not run.
 * - `unavailable`: no connection could be opened, for a reason that may pass. The statement did not run.
 * - `not-sent`: the connection went away before the statement was sent. It did not run.
 * - `lost`: the connection went away afterwards. The statement may have run.
 */
export type Failure = 'token' | 'unavailable' | 'not-sent' | 'lost'

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
 * What a failure means; undefined where it is the work's own (an SQL error) or will not pass.
 *
 * @param databaseWasOpened - whether this database could be opened before: then 4060 means that it is moving
 */
export function failureOf(error: unknown, databaseWasOpened: boolean): Failure | undefined {
  if (!(error instanceof EntraError)) return undefined
  switch (error.code) {
    case 'SESSION_TOKEN_EXPIRED':
      return 'token'
    case 'NOT_SENT':
      return 'not-sent'
    case 'CONNECTION_LOST':
      return 'lost'
    case 'CONNECT_FAILED':
    case 'SERVER_UNREACHABLE':
    case 'LOGIN_TIMEOUT':
      return 'unavailable'
    case 'SERVER_NOT_FOUND':
      // Azure's gateway knows no such server: that will not pass, while DNS may come back.
      return error.number === undefined ? 'unavailable' : undefined
    case 'ENTRA_LOGIN_UNSUPPORTED':
      return undefined
    default:
      return failureOfLogin(error.number, databaseWasOpened)
  }
}

function failureOfLogin(number: number | undefined, databaseWasOpened: boolean): Failure | undefined {
  if (number === undefined) return undefined
  if (isTokenRefusal(number)) return 'token'
  if (number === CANNOT_OPEN_DATABASE) return databaseWasOpened ? 'unavailable' : undefined
  return TRANSIENT_AT_LOGIN.has(number) ? 'unavailable' : undefined
}
