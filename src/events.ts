import { channel } from 'node:diagnostics_channel'

/**
 * Why a connection was closed.
 *
 * - `idle`: nothing ran on it for `maxIdleConnectionLifetime`
 * - `replaced`: a connection with a newer token, or a younger one, took its place
 * - `expired`: its token's end came
 * - `unusable`: it did not answer, or was given back in the middle of something
 * - `lost`: the other end closed it, or the network did
 * - `disconnected`: the client was disconnected
 */
export type CloseReason = 'idle' | 'replaced' | 'expired' | 'unusable' | 'lost' | 'disconnected'

/** Fields that every event has. */
interface EventBase {
  /** When it happened, in ms since the epoch. */
  at: number
}

/** A token that was not there before was had from the credential. */
export interface TokenAcquiredEvent extends EventBase {
  type: 'token.acquired'
  /** The name of the credential that gave it, `ManagedIdentityCredential` for one. */
  credential: string
  /** The credentials that were asked before it and could not give a token, and why; not there where there are none. */
  failed?: { credential: string; reason: string }[]
  /** When the token expires, in ms since the epoch. */
  expiresOn: number
  /** When the next one will be asked for, in ms since the epoch. */
  refreshAfter: number
  /** How long the credential took, in ms. */
  durationMs: number
}

/** The credential gave the same token again, which is normal: it answers from its cache until shortly before expiry. */
export interface TokenUnchangedEvent extends EventBase {
  type: 'token.unchanged'
  /** When the token expires, in ms since the epoch. */
  expiresOn: number
  /** When the credential will be asked again, in ms from `at`. */
  retryInMs: number
}

/** A token request failed. The token at hand, if it is still good, goes on being used. */
export interface TokenRefreshFailedEvent extends EventBase {
  type: 'token.refresh-failed'
  /** Why. */
  error: Error
  /** How many have failed in a row, this one included. */
  attempt: number
  /** When the next request is made, in ms from `at`. */
  retryInMs: number
}

/**
 * A new token shows that this machine's clock and the authority's differ by more than a minute. Nothing fails for that
 * as long as the credential reckons with the local clock, as most do; the cure is to synchronize the clock (NTP).
 */
export interface ClockSkewEvent extends EventBase {
  type: 'clock.skew'
  /** How far the local clock is ahead, in ms; negative where it is behind. */
  skewMs: number
}

/** Why a rotation began: a new token, an age limit, or a token that the server takes no longer. */
export type RotationReason = 'token' | 'max-age' | 'refused'

/** A rotation began: replacements are being opened. Work goes on on the connections that there are. */
export interface RotationStartedEvent extends EventBase {
  type: 'rotation.started'
  reason: RotationReason
  /** Replacements to open: as many as connections were busy of late. */
  connections: number
}

/** Every outdated connection is closed, or will be as soon as nothing runs on it. */
export interface RotationFinishedEvent extends EventBase {
  type: 'rotation.finished'
  reason: RotationReason
  /** From its beginning until the last replacement was open, in ms. */
  durationMs: number
  /** Replacements that were opened. */
  connections: number
}

/** A replacement could not be opened. The connections that there are go on being used while their token is good. */
export interface RotationFailedEvent extends EventBase {
  type: 'rotation.failed'
  reason: RotationReason
  error: Error
  /** When it is tried again, in ms from `at`. */
  retryInMs: number
}

/**
 * A connection could not be opened while work waits for one: the server cannot be reached, or the database is paused,
 * moving or busy. It is tried again.
 */
export interface ConnectRetryEvent extends EventBase {
  type: 'connect.retry'
  error: Error
  /** How many attempts have failed in a row, this one included. */
  attempt: number
  /** When it is tried again, in ms from `at`. */
  retryInMs: number
}

/** A connection was logged in. */
export interface ConnectionOpenedEvent extends EventBase {
  type: 'connection.opened'
  /** Its number: counts up from 1 for each client. */
  connection: number
  /** When the token that it was opened with expires, in ms since the epoch. */
  expiresOn: number
}

/** A connection has ended. */
export interface ConnectionClosedEvent extends EventBase {
  type: 'connection.closed'
  connection: number
  reason: CloseReason
  /** How long it was open, in ms. */
  ageMs: number
}

/** Something in the config or the options is taken, but probably not as it was meant. Told by the constructor. */
export interface ConfigWarningEvent extends EventBase {
  type: 'config.warning'
  message: string
  /** The name of the parameter or option. */
  parameter: string
}

/** Events of a `TokenSource`. */
export type TokenEvent = TokenAcquiredEvent | TokenUnchangedEvent | TokenRefreshFailedEvent | ClockSkewEvent

/** Events of rotation. */
export type RotationEvent = RotationStartedEvent | RotationFinishedEvent | RotationFailedEvent

/** Events of the connections of one client. */
export type PoolEvent = RotationEvent | ConnectRetryEvent | ConnectionOpenedEvent | ConnectionClosedEvent

/** All that `onEvent` may be called with. No event ever holds a token or a secret. */
export type AdapterEvent = TokenEvent | PoolEvent | ConfigWarningEvent

/**
 * Publishes an event on the `node:diagnostics_channel` named `prisma-adapter-mssql-entra:` followed by the event's
 * type, `prisma-adapter-mssql-entra:token.acquired` for one.
 */
export function publish(event: { type: string; at: number }): void {
  const target = channel(`prisma-adapter-mssql-entra:${event.type}`)
  if (target.hasSubscribers) target.publish(event)
}

/**
 * Calls the user's listener. One that throws, or whose promise is rejected, is the user's bug, not a reason to lose a
 * rotation or to end the process: it is told as a warning.
 */
export function notify<E extends { type: string }>(listener: ((event: E) => unknown) | undefined, event: E): void {
  const warn = (error: unknown) =>
    process.emitWarning(`An event listener failed on ${event.type}: ${said(error)}`, 'PrismaAdapterMssqlEntraWarning')
  try {
    const result = listener?.(event)
    if (typeof result === 'object' && result !== null) Promise.resolve(result).catch(warn)
  } catch (error) {
    warn(error)
  }
}

/** What was thrown, which may be anything: `Object.create(null)` cannot be made a string. */
function said(error: unknown): string {
  try {
    return String(error)
  } catch {
    return 'something without words was thrown'
  }
}
