import type { ConnectRetryEvent } from '../events.ts'
import { REFUSAL_REASONS, type RefusalReason } from './admission.ts'

interface ProxyEventBase {
  /** In ms since the epoch. */
  at: number
}

/** A connection was refused, before or after its login. Neither Entra nor the server was asked. */
export interface ProxyLoginRefusedEvent extends ProxyEventBase {
  type: 'proxy.login-refused'
  reason: RefusalReason
}

/** A client was admitted, but could not be signed in upstream. */
export interface ProxyLoginFailedEvent extends ProxyEventBase {
  type: 'proxy.login-failed'
  error: Error
}

/** A client has its session upstream. */
export interface ProxySessionOpenedEvent extends ProxyEventBase {
  type: 'proxy.session-opened'
  /** Counts up from 1. */
  session: number
  /** As the client named them; empty if it did not. */
  applicationName: string
  database: string
}

/** A session is over, whichever side ended it. */
export interface ProxySessionClosedEvent extends ProxyEventBase {
  type: 'proxy.session-closed'
  session: number
  /** In ms. */
  durationMs: number
  /** From and to the client. */
  bytesIn: number
  bytesOut: number
}

/** What `onEvent` of a proxy is called with. No event ever holds a token, a password or a statement. */
export type ProxyEvent =
  | ProxyLoginRefusedEvent
  | ProxyLoginFailedEvent
  | ProxySessionOpenedEvent
  | ProxySessionClosedEvent
  | ConnectRetryEvent

/** What to show a user who waits: why a login failed, or that a database wakes up, which takes a minute. Undefined if nothing. */
export function problemIn(event: ProxyEvent): string | undefined {
  if (event.type === 'proxy.login-failed') return event.error.message
  if (event.type !== 'connect.retry') return undefined
  const [what = ''] = event.error.message.split('\n')
  return `${what} Waiting ${Math.ceil(event.retryInMs / 1000)} s before attempt ${event.attempt + 1}.`
}

/** What `proxy.stats()` gives. */
export type ProxyStats = ReturnType<typeof emptyStats>

export function emptyStats() {
  const none = Object.fromEntries(Object.keys(REFUSAL_REASONS).map((reason) => [reason, 0]))
  return {
    /** TCP connections accepted. */
    connections: 0,
    /** Of those, the ones that are open now, logged in or not. */
    connectionsOpen: 0,
    /** Connections refused, by reason. */
    refused: none as Record<RefusalReason, number>,
    /** Clients that were admitted, and are being signed in upstream now. */
    signingIn: 0,
    /** Sessions opened upstream. */
    sessions: 0,
    /** Sessions that are open now. */
    sessionsOpen: 0,
    /** Clients that were admitted but could not be signed in upstream. */
    failures: 0,
    /** Redirects that were followed. */
    redirects: 0,
    /** Bytes from and to clients, of connections that have ended. */
    bytesIn: 0,
    bytesOut: 0,
  }
}
