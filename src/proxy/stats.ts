import type { Refusal } from './local-login.ts'

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
