import { isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { connectFailed, type LoginRefusal, loginRefused } from '../connect/connect-errors.ts'
import { EntraError, reasonOf } from '../errors.ts'
import { causesOf } from '../tds/tls-failure.ts'

interface DriverError extends Error {
  code?: unknown
  number?: unknown
}

const TOKEN_EXPIRED_IN_SESSION = 37396
const LOGIN_FAILED = 18456
const TOKEN_IS_EXPIRED = /token is expired/i

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
  // The official adapter does not translate what BEGIN, COMMIT and ROLLBACK fail with.
  for (const link of causesOf(error)) if (saysExpiredInSession(link as DriverError)) return expiredInSession(error)
  const { name, code } = error as DriverError
  if (NOT_SENT.has(code) || error.message === 'aborted') return notSent(error)
  if (name === 'ConnectionError') return explainLoginFailure(error, refusal)
  if (LOST.has(code)) return connectionLost(error)
  return error
}

/**
 * What to throw for an error of the driver in opening a connection.
 *
 * @param refusal - what the server answered to the login, if it did
 */
export function explainLoginFailure(error: Error, refusal: LoginRefusal | undefined): EntraError {
  // What our own connector threw, inside of what the driver made of it.
  for (const link of causesOf(error)) if (link instanceof EntraError) return link
  return refusal === undefined ? connectFailed(error) : loginRefused(refusal, error)
}

function isExpiredInSession(cause: { kind: string; code?: unknown; originalMessage?: string | undefined }): boolean {
  if (cause.kind === 'mssql') return cause.code === TOKEN_EXPIRED_IN_SESSION
  return cause.kind === 'AuthenticationFailed' && TOKEN_IS_EXPIRED.test(cause.originalMessage ?? '')
}

function saysExpiredInSession({ name, number, message }: DriverError): boolean {
  if (name === 'ConnectionError') return false
  return number === TOKEN_EXPIRED_IN_SESSION || (number === LOGIN_FAILED && TOKEN_IS_EXPIRED.test(message))
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
