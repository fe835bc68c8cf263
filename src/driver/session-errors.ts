import { causesOf } from '../errors/causes.ts'
import { EntraError, type EntraErrorCode, reasonOf } from '../errors/entra-error.ts'
import { AT_LIMIT, DATABASE_AT_LIMIT, DATABASE_MOVES, SERVER_BUSY } from '../login/refusals.ts'
import { LOGIN_FAILED } from '../login/token-refusal.ts'

/** An error of the server as the driver has it, or as the official adapter maps it. */
interface ServerError {
  number?: unknown
  kind?: string
  code?: unknown
  message: string
  originalMessage?: string
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

/** Whether a session is of no more use after an error with this number: it is moving, or has become read-only. */
export function isOfMoving(number: number): boolean {
  const row = rowOf(number)
  return row !== undefined && row.stays === undefined
}

/** What an error of the server means, if its database moves or is at its limit; otherwise undefined. */
export function explainSessionError(error: Error): EntraError | undefined {
  const [{ number } = { number: undefined }] = serverErrorsIn(error)
  const row = rowOf(number)
  if (row === undefined) return undefined
  const { code, mayHaveRun, why, remedy } = row
  const what = mayHaveRun
    ? `The server ended a statement: ${reasonOf(error)} (error ${number})`
    : `The server refused a statement: ${reasonOf(error)} (error ${number}). It did not run; it can be run again.`
  return new EntraError(code, [what, why, remedy].join('\n'), { cause: error, number })
}

/** How long to wait at least before a statement is run again that failed with this, in ms. */
export function pauseAfter({ number }: EntraError): number {
  return rowOf(number)?.pause ?? 0
}

/** The server's errors in what the driver threw. The official adapter maps those of statements, but not of BEGIN and COMMIT. */
export function* serverErrorsIn(error: Error): Generator<{ number: number; message: string }> {
  if (error.name === 'ConnectionError') return
  for (const link of causesOf(error) as Iterable<ServerError>) {
    const { kind, code, message, originalMessage = message } = link
    const number = link.number ?? (kind === 'mssql' ? code : kind === 'AuthenticationFailed' ? LOGIN_FAILED : undefined)
    if (typeof number === 'number') yield { number, message: originalMessage }
  }
}
