import type { IsolationLevel, SqlQuery, SqlResultSet, Transaction } from '@prisma/driver-adapter-utils'
import { explainDriverError } from '../driver/driver-errors.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { CloseReason } from '../events.ts'
import { failureOf } from '../login/failure.ts'
import type { PoolConnection } from '../pool/connection.ts'
import { statementExpired } from './expiry-errors.ts'

/** What work runs on: a connection of the pool. */
export interface ClientConnection extends PoolConnection {
  /** Why it was closed from here; undefined while it was not. */
  readonly closedBy: CloseReason | undefined
  /** Whether the session said that it is moving, or has become read-only. */
  readonly isMoving: boolean
  queryRaw(query: SqlQuery): Promise<SqlResultSet>
  executeRaw(query: SqlQuery): Promise<number>
  executeScript(script: string): Promise<void>
  startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction>
  /** After a transaction with a level of its own: sets the session back to the level that it was opened with. */
  restoreIsolationLevel(used: IsolationLevel | undefined): Promise<void>
}

/**
 * What an error of work on a connection means: an {@link EntraError} where a token or the connection is at fault, which
 * says what became of the statement; else the error itself.
 *
 * @param cutOff - what it means where the token's end cut the statement off
 */
export function explainOn(connection: ClientConnection, raw: unknown, cutOff = statementExpired): unknown {
  const error = explainDriverError(raw)
  if (failureOf(error, true) !== 'lost') return error
  const { closedBy, lease } = connection
  if (closedBy === 'expired') return cutOff(lease.expiresOn, error)
  if (closedBy === 'disconnected') return disconnectedAmid(error)
  return error
}

function disconnectedAmid(cause: unknown): EntraError {
  return new EntraError(
    'CLOSED',
    'The client was disconnected while a statement was under way, and its connection was closed after ' +
      'rotation.disconnectTimeout. Whether it took effect is not known.',
    { cause },
  )
}
