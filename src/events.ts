import { channel } from 'node:diagnostics_channel'

/**
 * Why a connection was closed.
 *
 * - `idle`: nothing ran on it for `maxIdleConnectionLifetime`
 * - `replaced`: a rotation replaced it
 * - `expired`: its token expired before it was replaced
 * - `unusable`: it did not answer, still had an open transaction, its database is moving, or the server refused its token
 * - `lost`: the server or the network closed it
 * - `disconnected`: the client was disconnected
 */
export type CloseReason = 'idle' | 'replaced' | 'expired' | 'unusable' | 'lost' | 'disconnected'

/** Fields that every event has. */
interface EventBase {
  /** When it happened, in ms since the epoch. */
  at: number
}

/** The credential returned a new token. */
export interface TokenAcquiredEvent extends EventBase {
  type: 'token.acquired'
  /** The name of the credential that returned it, for example `ManagedIdentityCredential`. */
  credential: string
  /** The credentials that failed before it, and why; undefined if there are none. */
  failed?: { credential: string; reason: string }[]
  /** When the token expires, in ms since the epoch. */
  expiresOn: number
  /** When the next one will be requested, in ms since the epoch. */
  refreshAfter: number
  /** How long the credential took, in ms. */
  durationMs: number
}

/** The credential returned the same token again, which is normal: it has its own cache. */
export interface TokenUnchangedEvent extends EventBase {
  type: 'token.unchanged'
  /** When the token expires, in ms since the epoch. */
  expiresOn: number
  /** When the credential will be asked again, in ms from `at`. */
  retryInMs: number
}

/** A token request failed. The current token stays in use as long as it is valid. */
export interface TokenRefreshFailedEvent extends EventBase {
  type: 'token.refresh-failed'
  /** Why. */
  error: Error
  /** How many requests have failed in a row, including this one. */
  attempt: number
  /** When the next request is made, in ms from `at`. */
  retryInMs: number
}

/**
 * A new token shows that this machine's clock and the authority's differ by more than a minute. That alone makes nothing
 * fail, because most credentials use the local clock. Synchronize the clock (NTP).
 */
export interface ClockSkewEvent extends EventBase {
  type: 'clock.skew'
  /** How far the local clock is ahead, in ms; negative if it is behind. */
  skewMs: number
}

/**
 * Why a rotation began: a new token, `maxAge`, a token that the server no longer accepts, or an address that the server's
 * name no longer leads to.
 */
export type RotationReason = 'token' | 'max-age' | 'refused' | 'address'

/** A rotation began: replacements are being opened. Work continues. */
export interface RotationStartedEvent extends EventBase {
  type: 'rotation.started'
  reason: RotationReason
  /** Replacements to open: as many as were busy at the same time in the last 30 to 60 s, and at least `min`. */
  connections: number
}

/** All replacements are open. Each old connection is closed, or will be when nothing runs on it any more. */
export interface RotationFinishedEvent extends EventBase {
  type: 'rotation.finished'
  reason: RotationReason
  /** From its start until the last replacement was open, in ms. */
  durationMs: number
  /** Replacements opened. */
  connections: number
}

/** A replacement could not be opened. The old connections stay in use while their token is valid. */
export interface RotationFailedEvent extends EventBase {
  type: 'rotation.failed'
  reason: RotationReason
  error: Error
  /** When it is tried again, in ms from `at`. */
  retryInMs: number
}

/**
 * A connection could not be opened while work waits for one, for example because the database is paused or the server
 * cannot be reached. Or a database that accepted writes before refused one, because it has become a secondary. It is
 * retried.
 */
export interface ConnectRetryEvent extends EventBase {
  type: 'connect.retry'
  error: Error
  /** How many attempts have failed in a row, including this one. */
  attempt: number
  /** When it is tried again, in ms from `at`. */
  retryInMs: number
}

/** A connection has logged in. */
export interface ConnectionOpenedEvent extends EventBase {
  type: 'connection.opened'
  /** Its number, counted from 1 for each client. */
  connection: number
  /** When the token that it was opened with expires, in ms since the epoch. */
  expiresOn: number
}

/** A connection has ended. */
export interface ConnectionClosedEvent extends EventBase {
  type: 'connection.closed'
  /** Its number, as in `connection.opened`. */
  connection: number
  reason: CloseReason
  /** How long it was open, in ms. */
  ageMs: number
}

/** Something in the config or the options works, but probably not as you meant it. The constructor emits this. */
export interface ConfigWarningEvent extends EventBase {
  type: 'config.warning'
  message: string
  /** The name of the parameter or option. */
  parameter: string
}

/**
 * A column was read whose values the driver rounds to 15 to 17 digits: `decimal` and `numeric` with a precision above 15,
 * and `money`. Emitted once for each adapter, for the first such column, whether or not its values are that long.
 */
export interface InexactDecimalEvent extends EventBase {
  type: 'decimal.inexact'
  /** Its name in the result. */
  column: string
  precision: number
  scale: number
}

/** Events of a `TokenSource`. */
export type TokenEvent = TokenAcquiredEvent | TokenUnchangedEvent | TokenRefreshFailedEvent | ClockSkewEvent

/** Events of rotation. */
export type RotationEvent = RotationStartedEvent | RotationFinishedEvent | RotationFailedEvent

/** Events of the connections of one client. */
export type PoolEvent = RotationEvent | ConnectRetryEvent | ConnectionOpenedEvent | ConnectionClosedEvent

/** Every event that `onEvent` may be called with. No event contains a token or a secret. */
export type AdapterEvent = TokenEvent | PoolEvent | ConfigWarningEvent | InexactDecimalEvent

/**
 * Publishes an event on the `node:diagnostics_channel` named after its type, for example
 * `prisma-adapter-mssql-entra:token.acquired`, and calls the listeners.
 */
export function emit<E extends { type: string; at: number }>(
  event: E,
  ...listeners: (Listener<E> | undefined)[]
): void {
  const target = channel(`prisma-adapter-mssql-entra:${event.type}`)
  if (target.hasSubscribers) target.publish(event)
  for (const listener of listeners) notify(listener, event)
}

type Listener<E> = (event: E) => unknown

/**
 * Calls a user's listener. If it throws, or its promise is rejected, that must not stop a rotation or end the process: it
 * becomes a warning.
 */
export function notify<E extends { type: string }>(listener: Listener<E> | undefined, event: E): void {
  const warn = (error: unknown) =>
    process.emitWarning(`An event listener failed on ${event.type}: ${said(error)}`, 'PrismaAdapterMssqlEntraWarning')
  try {
    const result = listener?.(event)
    if (typeof result === 'object' && result !== null) Promise.resolve(result).catch(warn)
  } catch (error) {
    warn(error)
  }
}

/** The text of what was thrown, which may be anything: `Object.create(null)` has no string form. */
function said(error: unknown): string {
  try {
    return String(error)
  } catch {
    return 'something without words was thrown'
  }
}
