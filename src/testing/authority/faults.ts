import { type Endpoint, givesTokens } from './statistics.ts'

/** Which requests a fault befalls, and how often. */
export interface FaultTarget {
  /** @defaultValue each endpoint that gives tokens */
  endpoint?: Endpoint
  /** How many requests it befalls. @defaultValue all, until it is cleared */
  times?: number
  /** How long the request waits before anything else happens, in ms. Alone: a slow answer. @defaultValue 0 */
  delay?: number
}

/** An answer with this status instead of a token. */
export interface StatusFault {
  status: number
  /** The `Retry-After` header: seconds, or text as it is (an HTTP date, for one). */
  retryAfter?: number | string
  /** Goes out as JSON, or as it is where it is a string. @defaultValue an OAuth error that says it was injected */
  body?: unknown
}

/** A token, but not the one that was hoped for. */
export interface TokenFault {
  /** The audience of the token. `true`: that of Microsoft Graph, which Azure SQL refuses. */
  wrongAudience?: true | string
  /** How long the token lives, in ms. */
  lifetime?: number
  /** The token that was given last, while it is valid. */
  sameToken?: true
}

/** No answer. */
export type SilenceFault = { hang: true } | { disconnect: true }

/** What `authority.inject` takes: one kind of fault, and whom it befalls. */
export type Fault = FaultTarget & (StatusFault | TokenFault | SilenceFault)

/** Whether a fault befalls a request to this endpoint. */
export function befalls(fault: Fault, endpoint: Endpoint): boolean {
  return fault.endpoint === undefined ? givesTokens(endpoint) : fault.endpoint === endpoint
}
