import type { ConnectRetryEvent } from '../events.ts'
import type { Refusal } from './local-login.ts'

/** A client was turned away at the door: nothing was asked of Entra or the server. */
export interface ProxyLoginRefusedEvent {
  type: 'proxy.login-refused'
  /** In ms since the epoch. */
  at: number
  reason: Refusal
}

/** A client was let in, and could not be signed in upstream. */
export interface ProxyLoginFailedEvent {
  type: 'proxy.login-failed'
  /** In ms since the epoch. */
  at: number
  error: Error
}

/** A client works on a session of its own upstream. */
export interface ProxySessionOpenedEvent {
  type: 'proxy.session-opened'
  /** In ms since the epoch. */
  at: number
  /** Counts up from 1. */
  session: number
  /** As the client named them; empty where it did not. */
  applicationName: string
  database: string
}

/** A session is over, whichever side ended it. */
export interface ProxySessionClosedEvent {
  type: 'proxy.session-closed'
  /** In ms since the epoch. */
  at: number
  session: number
  /** In ms. */
  durationMs: number
  /** From and to the client. */
  bytesIn: number
  bytesOut: number
}

/** All that a proxy's `onEvent` may be called with. No event ever holds a token, a password or a statement. */
export type ProxyEvent =
  | ProxyLoginRefusedEvent
  | ProxyLoginFailedEvent
  | ProxySessionOpenedEvent
  | ProxySessionClosedEvent
  | ConnectRetryEvent
