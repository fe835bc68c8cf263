import { isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { connectFailed, type LoginRefusal, loginRefused } from '../connect/connect-errors.ts'
import { EntraError, reasonOf } from '../errors.ts'

interface DriverError extends Error {
  code?: unknown
  number?: unknown
}

const TOKEN_EXPIRED_IN_SESSION = 37396

/** Codes of tedious for a request whose connection went away while it was under way. */
const LOST = new Set<unknown>(['ECLOSE', 'ESOCKET'])

/** Codes for a request that found no connection to be sent on, though there had been one. */
const NOT_SENT = new Set<unknown>(['EINVALIDSTATE', 'ENOTOPEN', 'ECONNCLOSED'])

/**
 * What to throw for an error of the driver: where a token or a connection is at fault an {@link EntraError} that says
 * what happened to the statement, else the error itself.
 *
 * tedious says no more of a refused login than "Login failed."; the server's own words come separately.
 *
 * @param refusal - the last login that the server refused, if any
 */
export function explainDriverError(error: unknown, refusal: LoginRefusal | undefined): unknown {
  if (isDriverAdapterError(error)) return isExpiredInSession(error.cause) ? expiredInSession(error) : error
  if (!(error instanceof Error)) return error
  const { name, code } = error as DriverError
  if (NOT_SENT.has(code) || error.message === 'aborted') return notSent(error)
  if (name === 'ConnectionError') return refusal === undefined ? connectFailed(error) : loginRefused(refusal, error)
  if (LOST.has(code)) return connectionLost(error)
  return error
}

function isExpiredInSession(cause: { kind: string; code?: unknown; originalMessage?: string | undefined }): boolean {
  if (cause.kind === 'mssql') return cause.code === TOKEN_EXPIRED_IN_SESSION
  return cause.kind === 'AuthenticationFailed' && /token is expired/i.test(cause.originalMessage ?? '')
}

function expiredInSession(cause: Error): EntraError {
  return new EntraError(
    'SESSION_TOKEN_EXPIRED',
    'The server ended the session because the token that it was opened with has expired. The statement did not run; ' +
      'it can be run again.',
    { cause },
  )
}

function notSent(cause: Error): EntraError {
  return new EntraError(
    'NOT_SENT',
    `The connection was closed before the statement was sent (${reasonOf(cause)}). It did not run; it can be run again.`,
    { cause },
  )
}

function connectionLost(cause: Error): EntraError {
  return new EntraError(
    'CONNECTION_LOST',
    `The connection was lost while a statement was under way (${reasonOf(cause)}). Whether it ran is not known, so it ` +
      'was not run again: look at the data before you do.',
    { cause },
  )
}
