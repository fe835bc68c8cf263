import type { SqlQuery } from '@prisma/driver-adapter-utils'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import { failureOf } from '../login/refusals.ts'
import { untilAborted } from '../time/event-loop.ts'
import { explainDriverError } from './driver-errors.ts'
import type { EntraConnection } from './entra-connection.ts'

/** A connection that was just opened, as `onConnect` gets it. */
export interface NewConnection {
  /** Runs a query, whose parameters are `@P1`, `@P2`, …, and returns its rows. */
  queryRaw(sql: string, ...values: unknown[]): Promise<Record<string, unknown>[]>
  /** Runs a statement, whose parameters are `@P1`, `@P2`, …, and returns the number of rows that it changed. */
  executeRaw(sql: string, ...values: unknown[]): Promise<number>
  /** Runs a script as one batch, without parameters. Unlike with the other methods, its `SET` options stay on the connection. */
  executeScript(script: string): Promise<void>
}

/** Called with each new connection, before it is lent. If it throws or rejects, the connection is closed. */
export type OnConnect = (connection: NewConnection) => unknown

/**
 * Runs the user's `onConnect`.
 *
 * @param signal - aborted when the connection is no longer needed
 * @throws {@link EntraError} `ON_CONNECT_FAILED`; `CONNECT_FAILED` if the connection was lost; the signal's reason
 */
export async function prepare(connection: EntraConnection, onConnect: OnConnect, signal: AbortSignal): Promise<void> {
  try {
    await untilAborted(signal, async () => onConnect(newConnection(connection)))
    if (!connection.isUsable) throw new Error('it left a transaction open, or the connection was closed')
  } catch (error) {
    signal.throwIfAborted()
    throw onConnectFailed(explainDriverError(error))
  }
}

function newConnection(connection: EntraConnection): NewConnection {
  return {
    async queryRaw(sql, ...values) {
      const { columnNames, rows } = await connection.queryRaw(queryOf(sql, values))
      return rows.map((row) => Object.fromEntries(columnNames.map((name, index) => [name, row[index]])))
    },
    executeRaw: (sql, ...values) => connection.executeRaw(queryOf(sql, values)),
    executeScript: (script) => connection.executeScript(script),
  }
}

function queryOf(sql: string, args: unknown[]): SqlQuery {
  return { sql, args, argTypes: args.map(() => ({ scalarType: 'unknown', arity: 'scalar' })) }
}

function onConnectFailed(cause: unknown): EntraError {
  const failure = failureOf(cause, true)
  if (cause instanceof EntraError && failure === 'token') return cause
  const reason = reasonOf(cause).replace(/\.$/, '')
  if (failure !== undefined) return new EntraError('CONNECT_FAILED', `onConnect: ${reason}`, { cause })
  return new EntraError(
    'ON_CONNECT_FAILED',
    `onConnect failed, so the new connection was closed: ${reason}. Correct it, or catch what it may ignore.`,
    { cause },
  )
}
