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
  /** The severity. From 20 on the connection is closed afterwards. @defaultValue 14 at login, 16 at a request */
  class?: number
  /** @defaultValue Azure SQL's text for that number; for an unknown one, a text that says it was injected */
  message?: string
}

/** What happens. */
export type FaultAction =
  /** The login, or the request, is answered by an error; the request does not reach the server. */
  | { refuse: FaultError }
  /** The connection waits this long before it continues, in ms. */
  | { delay: number }
  /** The gateway sends nothing any more. */
  | { hang: true }
  /** The socket is destroyed. */
  | { drop: true }
  /** The socket is destroyed by a TCP reset, as by a firewall that no longer knows the connection. */
  | { reset: true }
  /** The login is answered by ENVCHANGE 20: connect there instead. */
  | { redirect: Routing }

/** The argument of `gateway.inject`. */
export interface GatewayFault {
  at: Stage
  action: FaultAction
  /** At a request: only one whose text matches. @defaultValue any */
  matching?: RegExp
  /** How many connections or requests it hits. @defaultValue all, until it is cleared */
  times?: number
}
