import { isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { causesOf } from '../errors/causes.ts'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import { connectFailed } from '../login/connect-failures.ts'
import { loginRefused } from '../login/refusals.ts'
import { isTokenExpiry, type LoginContext, type LoginRefusal } from '../login/token-refusal.ts'
import { explainSessionError, serverErrorsIn } from './session-errors.ts'

interface DriverError extends Error {
  code?: unknown
}

/** Codes of tedious and the system for a connection that went away during a request. */
const LOST = new Set<unknown>([
  'ECLOSE',
  'ESOCKET',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
])

/** What tedious says, without a code, if the connection ends in the middle of an answer. */
const CUT_SHORT = 'unexpected end of message stream'

/** Codes for a request that was not sent because its connection was gone. */
const NOT_SENT = new Set<unknown>(['EINVALIDSTATE', 'ENOTOPEN', 'ECONNCLOSED'])

/** Codes of mssql for a statement or COMMIT in a transaction that the server has rolled back. */
const ROLLED_BACK = new Set<unknown>(['ENOTBEGUN', 'EABORT'])

/** Whether a statement was not sent because the server had rolled the transaction back. */
export function isOfRolledBack(error: unknown): boolean {
  return error instanceof Error && ROLLED_BACK.has((error as DriverError).code)
}

/**
 * What to throw for an error of the driver: if a token or a connection is at fault, an {@link EntraError} that says what
 * happened to the statement; otherwise the error itself.
 */
export function explainDriverError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const told = expiredInSession(error) ?? explainSessionError(error)
  if (told !== undefined || isDriverAdapterError(error)) return told ?? error
  if (isOfRolledBack(error)) return rolledBack(error)
  const { code } = error as DriverError
  const reason = reasonOf(error)
  if (NOT_SENT.has(code) || error.message === 'aborted') {
    const text = `The connection was closed before the statement was sent (${reason}). It did not run; it can be run again.`
    return new EntraError('NOT_SENT', text, { cause: error })
  }
  if (code === 'ETIMEOUT') {
    const text =
      `The statement took too long and was canceled (${reason}). It was not run again: if the cancellation did not ` +
      'reach the server, it may have run. Make it faster, or allow it more time (socketTimeout, in ms).'
    return new EntraError('STATEMENT_TIMEOUT', text, { cause: error })
  }
  if (LOST.has(code) || error.message === CUT_SHORT) {
    const text =
      `The connection was lost while a statement was running (${reason}). It may have run, so it was not run again: look ` +
      'at the data before you do.'
    return new EntraError('CONNECTION_LOST', text, { cause: error })
  }
  return error
}

/**
 * What to throw if the driver could not open a connection. Of a refused login tedious says only "Login failed."; the
 * server's own words come separately.
 *
 * @param refusal - what the server answered, if it did
 * @param reached - whether a connection to the server had been opened
 */
export function explainLoginFailure(
  error: unknown,
  refusal: LoginRefusal | undefined,
  reached: boolean,
  login: LoginContext,
): unknown {
  if (!(error instanceof Error)) return error
  // What our own connector threw, as a cause of the driver's error.
  for (const link of causesOf(error)) if (link instanceof EntraError) return link
  return refusal === undefined ? connectFailed(error, reached) : loginRefused(refusal, login, error)
}

function expiredInSession(error: Error): EntraError | undefined {
  for (const { number, message } of serverErrorsIn(error)) {
    if (!isTokenExpiry(number, message)) continue
    return new EntraError(
      'SESSION_TOKEN_EXPIRED',
      'The server ended the session because the token that it was opened with has expired. The statement did not run; ' +
        'it can be run again.',
      { cause: error, number },
    )
  }
  return undefined
}

/**
 * The server has rolled the transaction back by itself (XACT_ABORT, a deadlock). Prisma Client shows it with the code of
 * its own for a transaction that has ended.
 */
function rolledBack(error: Error): Error {
  const [, reason = error] = causesOf(error) as Iterable<Error>
  const message = `Transaction API error: The server rolled the transaction back: ${reason.message}`
  return Object.assign(new Error(message, { cause: error }), { code: 'P2028' })
}
