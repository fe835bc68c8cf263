import type { ConnectRetryEvent } from '../events.ts'
import type { Refusal } from './admission.ts'

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

/** What `proxy.stats()` gives. */
export interface ProxyStats {
  /** TCP connections accepted. */
  connections: number
  /** Of those, the ones that are open now, logged in or not. */
  connectionsOpen: number
  /** Clients turned away at the door, by the reason. */
  refused: Record<Refusal, number>
  /** Sessions opened upstream. */
  sessions: number
  /** Sessions that are open now. */
  sessionsOpen: number
  /** Clients that were let in and could not be signed in upstream. */
  failures: number
  /** Redirects that were followed. */
  redirects: number
  /** Bytes from and to clients, of connections that have ended. */
  bytesIn: number
  bytesOut: number
}

export function emptyStats(): ProxyStats {
  return {
    connections: 0,
    connectionsOpen: 0,
    refused: { unreadable: 0, credentials: 0, 'other-user': 0, 'tds-version': 0, owner: 0 },
    sessions: 0,
    sessionsOpen: 0,
    failures: 0,
    redirects: 0,
    bytesIn: 0,
    bytesOut: 0,
  }
}

/** What to tell whoever sits before the screen while a database is waited for; a paused one takes a minute. */
export function progressOf({ error, attempt, retryInMs }: ConnectRetryEvent): string {
  const [what = ''] = error.message.split('\n')
  return `${what} Waiting ${Math.ceil(retryInMs / 1000)} s before attempt ${attempt + 1}.`
}
