import type { Routing } from '../../tds/tokens.ts'

/**
 * When in a connection's life a fault happens: when it is accepted, at PRELOGIN, at the TLS handshake, when the
 * token was read and not yet checked, at a request, or after the first bytes of an answer.
 */
export type Stage = 'accept' | 'prelogin' | 'tls' | 'login' | 'request' | 'response'

/** An error for the client to see. */
export interface FaultError {
  number: number
  /** @defaultValue 1 */
  state?: number
  /** The severity. From 20 on the connection is closed behind it. @defaultValue 14 at login, 16 at a request */
  class?: number
  /** @defaultValue what Azure SQL says with that number; for an unknown one, that it was injected */
  message?: string
}

/** What happens. */
export type FaultAction =
  /** The login, or the request, is answered by an error; the request does not reach the server. */
  | { refuse: FaultError }
  /** It waits this long before it goes on, in ms. */
  | { delay: number }
  /** Nothing is heard any more. */
  | { hang: true }
  /** The socket is destroyed. */
  | { drop: true }
  /** The socket is destroyed by a TCP reset, as by a firewall that knows the connection no more. */
  | { reset: true }
  /** The login is answered by ENVCHANGE 20: connect there instead. */
  | { redirect: Routing }

/** What `gateway.inject` takes. */
export interface GatewayFault {
  at: Stage
  action: FaultAction
  /** At a request: only one whose text matches. @defaultValue any */
  matching?: RegExp
  /** How many connections or requests it hits. @defaultValue all, until it is cleared */
  times?: number
}
