import { channel } from 'node:diagnostics_channel'

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

/**
 * Why a rotation began: a new token, an age limit, a token that is at its end while work wants to go on, a token that
 * the server refused, or a pool that could open no connection any more.
 */
export type RotationReason = 'token' | 'max-age' | 'deadline' | 'refused' | 'unavailable'

/** A rotation began: the next generation is being opened. Work goes on on the current one. */
export interface RotationStartedEvent extends EventBase {
  type: 'rotation.started'
  /** The number of the generation in use. */
  from: number
  reason: RotationReason
}

/** New work goes to the next generation from now on. */
export interface RotationFinishedEvent extends EventBase {
  type: 'rotation.finished'
  from: number
  to: number
  reason: RotationReason
  /** From the beginning of the rotation to the swap, in ms. */
  durationMs: number
  /** Connections that the new generation had open when it took over. */
  connections: number
}

/** The next generation could not be opened. The current one, if its token is still good, goes on being used. */
export interface RotationFailedEvent extends EventBase {
  type: 'rotation.failed'
  from: number
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

/** A generation took over: the first one at connect, or the next one at a swap. */
export interface GenerationOpenedEvent extends EventBase {
  type: 'generation.opened'
  generation: number
  /** When the token that its connections were opened with expires, in ms since the epoch. */
  expiresOn: number
}

/** A generation's last connection was closed. */
export interface GenerationClosedEvent extends EventBase {
  type: 'generation.closed'
  generation: number
  /** `drained`: its work was done. `expired`: its token's end came first. `disconnected`: `$disconnect`. */
  reason: 'drained' | 'expired' | 'disconnected'
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

/** Events of the rotation of one connected adapter. */
export type RotationEvent =
  | RotationStartedEvent
  | RotationFinishedEvent
  | RotationFailedEvent
  | ConnectRetryEvent
  | GenerationOpenedEvent
  | GenerationClosedEvent

/** All that `onEvent` may be called with. No event ever holds a token or a secret. */
export type AdapterEvent = TokenEvent | RotationEvent | ConfigWarningEvent

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
