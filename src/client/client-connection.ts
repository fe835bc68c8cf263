import type { IsolationLevel, SqlQuery, SqlResultSet, Transaction } from '@prisma/driver-adapter-utils'
import { explainDriverError } from '../driver/driver-errors.ts'
import { EntraError, type Failure } from '../errors/entra-error.ts'
import { iso } from '../errors/wording.ts'
import { failureOf } from '../login/refusals.ts'
import type { PoolConnection } from '../pool/connection.ts'
import type { Pool } from '../pool/pool.ts'
import { mentionsWrite } from './sql-text.ts'

/** The connection that work runs on. */
export interface ClientConnection extends PoolConnection {
  /** Whether the session said that it is moving, or has become read-only. */
  readonly isMoving: boolean
  queryRaw(query: SqlQuery): Promise<SqlResultSet>
  executeRaw(query: SqlQuery): Promise<number>
  executeScript(script: string): Promise<void>
  startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction>
  /** Sets the session back to the isolation level that it was opened with, after a transaction with another one. */
  restoreIsolationLevel(used: IsolationLevel | undefined): Promise<void>
}

/** An error to throw, and what it means; `undefined` if it is the work's own or permanent. */
type Failed = { error: EntraError; failure: Failure } | { error: unknown; failure: undefined }

/**
 * What an error of work on a connection means: if a token or the connection is at fault, an {@link EntraError} that says
 * what became of the statement; otherwise the error itself. Tells the pool what follows for this connection and others.
 *
 * @param cutOff - makes the error of a statement that was cut off at the token's end
 */
export function failedOn(
  connection: ClientConnection,
  pool: Pool<ClientConnection>,
  raw: unknown,
  cutOff = statementExpired,
): Failed {
  const error = explained(raw, connection, cutOff)
  const failure = failureOf(error, true)
  if (failure === 'lost' || connection.isMoving) pool.suspect()
  if (failure === undefined || !(error instanceof EntraError)) return { error, failure: undefined }
  // Its older connections lead to the same server, and would pass a validation.
  if (failure === 'read-only') pool.writes.refused(connection, error)
  if (failure === 'token') {
    connection.close('unusable')
    pool.refused(connection.lease, error)
  }
  return { error, failure }
}

function explained(raw: unknown, { closedBy, lease }: ClientConnection, cutOff: typeof statementExpired): unknown {
  const error = explainDriverError(raw)
  if (failureOf(error, true) !== 'lost') return error
  if (closedBy === 'expired') return cutOff(lease.expiresOn, error)
  if (closedBy !== 'disconnected') return error
  return new EntraError(
    'CLOSED',
    'The client was disconnected while a statement was running, and its connection was closed after ' +
      'rotation.disconnectTimeout. The statement may have taken effect.',
    { cause: error },
  )
}

/** Tells the pool of a statement that has written: then its database is one that takes writes. */
export function noteWrite(pool: Pool<ClientConnection>, connection: ClientConnection, { sql }: SqlQuery): void {
  if (!pool.writes.isOpen && mentionsWrite(sql)) pool.writes.accepted(connection)
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
