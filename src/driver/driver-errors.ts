import { isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { causesOf } from '../errors/causes.ts'
import { EntraError, type EntraErrorCode, reasonOf } from '../errors/entra-error.ts'
import { connectFailed } from '../login/connect-failures.ts'
import { AT_LIMIT, DATABASE_AT_LIMIT, DATABASE_MOVES, loginRefused, SERVER_BUSY } from '../login/refusals.ts'
import { isTokenExpiry, LOGIN_FAILED, type LoginContext, type LoginRefusal } from '../login/token-refusal.ts'

/** An error as the driver has it, or as the official adapter maps it. */
interface DriverError extends Error {
  number?: unknown
  kind?: string
  code?: unknown
  originalMessage?: string
}

/** What happened to a statement whose connection was lost, by the codes and messages of tedious and the system. */
const FATES: readonly { of: readonly unknown[]; code: EntraErrorCode; text: (reason: string) => string }[] = [
  {
    of: ['EINVALIDSTATE', 'ENOTOPEN', 'ECONNCLOSED', 'aborted'],
    code: 'NOT_SENT',
    text: (reason) =>
      `The connection was closed before the statement was sent (${reason}). It did not run; it can be run again.`,
  },
  {
    of: ['ETIMEOUT'],
    code: 'STATEMENT_TIMEOUT',
    text: (reason) =>
      `The statement took too long and was canceled (${reason}). It was not run again: if the cancellation did not ` +
      'reach the server, it may have run. Make it faster, or allow it more time (socketTimeout, in ms).',
  },
  {
    of: [
      'ECLOSE',
      'ESOCKET',
      'ECONNRESET',
      'ECONNABORTED',
      'EPIPE',
      'ETIMEDOUT',
      'EHOSTUNREACH',
      'ENETUNREACH',
      'ENETDOWN',
      // What tedious says, without a code, if the connection ends in the middle of an answer.
      'unexpected end of message stream',
    ],
    code: 'CONNECTION_LOST',
    text: (reason) =>
      `The connection was lost while a statement was running (${reason}). It may have run, so it was not run again: look ` +
      'at the data before you do.',
  },
]

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
  const { code, message } = error as DriverError
  const fate = FATES.find(({ of }) => of.includes(code) || of.includes(message))
  return fate === undefined ? error : new EntraError(fate.code, fate.text(reasonOf(error)), { cause: error })
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
 * The server has rolled the transaction back by itself (XACT_ABORT, a deadlock). Prisma Client shows it with its own code
 * for a transaction that has ended.
 */
function rolledBack(error: Error): Error {
  const [, reason = error] = causesOf(error) as Iterable<Error>
  const message = `Transaction API error: The server rolled the transaction back: ${reason.message}`
  return Object.assign(new Error(message, { cause: error }), { code: 'P2028' })
}

/** What error numbers mean in a session whose database moves, or is at its limit. */
interface SessionError {
  readonly numbers: readonly number[]
  readonly code: EntraErrorCode
  /** Whether the statement may have run. */
  readonly mayHaveRun?: true
  /** Whether the session is as good as before. */
  readonly stays?: true
  /** Before the statement is run again, at least, in ms. */
  readonly pause?: number
  readonly why: string
  readonly remedy: string
}

const PASSES =
  'This usually clears up by itself within a minute. If it persists, check the status of the database in the portal.'

/**
 * Source: Microsoft Learn, "Troubleshoot connectivity issues and other errors with Azure SQL Database and Azure SQL
 * Managed Instance" (transient fault error codes, resource governance errors), and "Database Engine events and errors".
 */
const SESSION_ERRORS: readonly SessionError[] = [
  {
    numbers: [3906],
    code: 'DATABASE_READ_ONLY',
    why: 'The database accepts no writes here: it has become a secondary, or it is a read-only replica.',
    remedy:
      'After a failover this clears up by itself. If it persists, connect to the primary: without ' +
      "applicationIntent=ReadOnly, by the failover group's own name.",
  },
  {
    numbers: DATABASE_MOVES,
    code: 'DATABASE_UNAVAILABLE',
    why: 'The database is moving to another node.',
    remedy: PASSES,
  },
  {
    numbers: SERVER_BUSY,
    code: 'DATABASE_UNAVAILABLE',
    pause: 10_000,
    why: 'The server is busy.',
    remedy: PASSES,
  },
  {
    numbers: DATABASE_AT_LIMIT,
    code: 'TOO_MANY_CONNECTIONS',
    stays: true,
    why: AT_LIMIT,
    remedy: 'Open fewer connections, make statements shorter, or choose a larger service tier.',
  },
  {
    // 596 and 6005: the server ends sessions to move the database, or to stop.
    numbers: [596, 6005, 40197],
    code: 'CONNECTION_LOST',
    mayHaveRun: true,
    why: 'The database is moving to another node, or the server is stopping.',
    remedy: 'It may have run, so it was not run again: look at the data before you do.',
  },
]

function rowOf(number: number | undefined): SessionError | undefined {
  return number === undefined ? undefined : SESSION_ERRORS.find(({ numbers }) => numbers.includes(number))
}

/** Whether a session is unusable after an error with this number: its database is moving, or has become read-only. */
export function isOfMoving(number: number): boolean {
  const row = rowOf(number)
  return row !== undefined && row.stays === undefined
}

/** What an error of the server means, if its database moves or is at its limit; otherwise undefined. */
function explainSessionError(error: Error): EntraError | undefined {
  const [{ number } = { number: undefined }] = serverErrorsIn(error)
  const row = rowOf(number)
  if (row === undefined) return undefined
  const { code, mayHaveRun, why, remedy } = row
  const what = mayHaveRun
    ? `The server ended a statement: ${reasonOf(error)} (error ${number})`
    : `The server refused a statement: ${reasonOf(error)} (error ${number}). It did not run; it can be run again.`
  return new EntraError(code, [what, why, remedy].join('\n'), { cause: error, number })
}

/** The shortest wait before a statement that failed with this is run again, in ms. */
export function pauseAfter({ number }: EntraError): number {
  return rowOf(number)?.pause ?? 0
}

/** The server's errors in what the driver threw. The official adapter maps those of statements, but not of BEGIN and COMMIT. */
function* serverErrorsIn(error: Error): Generator<{ number: number; message: string }> {
  if (error.name === 'ConnectionError') return
  for (const link of causesOf(error) as Iterable<DriverError>) {
    const { kind, code, message, originalMessage = message } = link
    const number = link.number ?? (kind === 'mssql' ? code : kind === 'AuthenticationFailed' ? LOGIN_FAILED : undefined)
    if (typeof number === 'number') yield { number, message: originalMessage }
  }
}
