import { EntraError, reasonOf } from '../errors.ts'
import { explainTlsFailure } from '../tds/tls-failure.ts'
import { remedyFor } from './remedies.ts'

/** An ERROR token of a login (MS-TDS 2.2.7.10). */
export interface LoginRefusal {
  number: number
  state: number
  message: string
}

/** What to throw where no connection to the server could be opened: `CONNECT_FAILED`, or `TLS_FAILED`. */
export function connectFailed(cause: unknown): EntraError {
  const tls = explainTlsFailure(cause)
  if (tls !== undefined) return tls
  return new EntraError('CONNECT_FAILED', `No connection to the server could be opened: ${reasonOf(cause)}`, { cause })
}

/** What to throw where the server refused the login. */
export function loginRefused({ number, state, message }: LoginRefusal, cause?: unknown): EntraError {
  const text = `The server refused the login: ${message} (error ${number}, state ${state})`
  const remedy = remedyFor(number)
  return new EntraError('LOGIN_FAILED', remedy === undefined ? text : `${text} ${remedy}`, { cause, number, state })
}
