import type { IsolationLevel, SqlQuery, SqlResultSet, Transaction } from '@prisma/driver-adapter-utils'
import { explainDriverError } from '../driver/driver-errors.ts'
import { EntraError, type Failure, reasonOf } from '../errors/entra-error.ts'
import { iso } from '../errors/wording.ts'
import type { CloseReason } from '../events.ts'
import { failureOf } from '../login/failure.ts'
import type { PoolConnection } from '../pool/connection.ts'
import type { Pool } from '../pool/pool.ts'
import { mentionsWrite } from './sql-text.ts'

/** The connection that work runs on. */
export interface ClientConnection extends PoolConnection {
  /** Why this end closed it; undefined if it did not. */
  readonly closedBy: CloseReason | undefined
  /** Whether the session said that it is moving, or has become read-only. */
  readonly isMoving: boolean
  queryRaw(query: SqlQuery): Promise<SqlResultSet>
  executeRaw(query: SqlQuery): Promise<number>
  executeScript(script: string): Promise<void>
  startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction>
  /** Sets the session back to the isolation level that it was opened with, after a transaction with another one. */
  restoreIsolationLevel(used: IsolationLevel | undefined): Promise<void>
}

/**
 * What an error of work on a connection means: if a token or the connection is at fault, an {@link EntraError} that says
 * what became of the statement; otherwise the error itself.
 *
 * @param cutOff - makes the error of a statement that was cut off at the token's end
 */
export function explainOn(connection: ClientConnection, raw: unknown, cutOff = statementExpired): unknown {
  const error = explainDriverError(raw)
  if (failureOf(error, true) !== 'lost') return error
  const { closedBy, lease } = connection
  if (closedBy === 'expired') return cutOff(lease.expiresOn, error)
  if (closedBy !== 'disconnected') return error
  return new EntraError(
    'CLOSED',
    'The client was disconnected while a statement was running, and its connection was closed after ' +
      'rotation.disconnectTimeout. The statement may have taken effect.',
    { cause: error },
  )
}

/** Tells the pool what a failure means for the connection it happened on, and for others. */
export function reportFailure(
  pool: Pool<ClientConnection>,
  connection: ClientConnection,
  failure: Failure | undefined,
  error: unknown,
): void {
  if (failure === 'lost' || connection.isMoving) pool.suspect()
  if (!(error instanceof EntraError)) return
  // Its older connections lead to the same server, and would pass a validation.
  if (failure === 'read-only') pool.refusedWrite(connection, error)
  if (failure !== 'token') return
  connection.close('unusable')
  pool.refused(connection.lease, error)
}

/** Tells the pool of a statement that has written: then its database is one that takes writes. */
export function noteWrite(pool: Pool<ClientConnection>, connection: ClientConnection, { sql }: SqlQuery): void {
  if (!pool.takesWrites && mentionsWrite(sql)) pool.tookWrite(connection)
}

/** The error of a statement that was cut off at its token's end. */
export function statementExpired(expiresOn: number, cause: unknown): EntraError {
  return new EntraError(
    'STATEMENT_TOKEN_EXPIRED',
    `The statement was still running when the token of its connection expired (${iso(expiresOn)}), so its connection ` +
      'was closed. The statement may have taken effect. Statements must be shorter than the time between the refresh ' +
      'of a token and its expiry.',
    { cause },
  )
}

/**
 * The error of a transaction whose token has expired: it was rolled back and may be run again. Prisma Client shows it as
 * P2034, the code that retry wrappers look for.
 */
export function transactionExpired(expiresOn: number, cause?: unknown): EntraError {
  return new EntraError(
    'TRANSACTION_TOKEN_EXPIRED',
    `The transaction was still open when the token of its connection expired (${iso(expiresOn)}), and was rolled back. ` +
      'It can be run again. Transactions must be shorter than the time between the refresh of a token and its expiry.',
    cause === undefined ? {} : { cause },
  )
}

/** The same if the server ended the session because of its token, whatever the local clock says. */
export function transactionRefused(cause: unknown): EntraError {
  return new EntraError(
    'TRANSACTION_TOKEN_EXPIRED',
    'The server ended the session of the transaction because it no longer accepts the token, and the transaction ' +
      'was rolled back. It can be run again.',
    { cause },
  )
}

/**
 * The error of a transaction whose connection was lost, or whose statement the server refused, before COMMIT was sent: it
 * was rolled back and may be run again.
 */
export function transactionInterrupted(error: EntraError): EntraError {
  const { cause, number } = error
  return new EntraError(
    'TRANSACTION_INTERRUPTED',
    `The transaction was interrupted, and rolled back: ${reasonOf(cause ?? error).replace(/\.$/, '')}. It can be run again.`,
    { cause: error, number },
  )
}
