import type { Answer, Outcome } from './http.ts'
import { type Endpoint, givesTokens } from './statistics.ts'

/** Which requests a fault hits, and how often. */
export interface FaultTarget {
  /** @defaultValue each endpoint that gives tokens */
  endpoint?: Endpoint
  /** How many requests it hits. @defaultValue all, until it is cleared */
  times?: number
  /** How long the request waits before anything else happens, in ms. Alone: a slow answer. @defaultValue 0 */
  delay?: number
}

/** An answer with this status instead of a token. */
export interface StatusFault {
  status: number
  /** The `Retry-After` header: seconds, or text (for example an HTTP date). */
  retryAfter?: number | string
  /** Sent as JSON, or unchanged if it is a string. @defaultValue an OAuth error that says it was injected */
  body?: unknown
}

/** A token, but not the expected one. */
export interface TokenFault {
  /** The audience of the token. `true`: that of Microsoft Graph, which Azure SQL refuses. */
  wrongAudience?: true | string
  /** How long the token lives, in ms. */
  lifetime?: number
  /** Returns the last token again, while it is valid. */
  sameToken?: true
}

/** No answer. */
export type SilenceFault = { hang: true } | { disconnect: true }

/** The argument of `authority.inject`: one kind of fault, and which requests it hits. */
export type Fault = FaultTarget & (StatusFault | TokenFault | SilenceFault)

/** Whether a fault applies to a request to this endpoint. */
export function appliesTo(fault: Fault, endpoint: Endpoint): boolean {
  return fault.endpoint === undefined ? givesTokens(endpoint) : fault.endpoint === endpoint
}

/** The outcome that a fault alone gives; `undefined` if the endpoint still answers. */
export function outcomeOf(fault: Fault): Outcome | undefined {
  if ('hang' in fault) return 'hang'
  if ('disconnect' in fault) return 'disconnect'
  return 'status' in fault ? statusAnswer(fault) : undefined
}

function statusAnswer({ status, retryAfter, body }: StatusFault): Answer {
  return {
    status,
    ...(retryAfter === undefined ? {} : { headers: { 'Retry-After': String(retryAfter) } }),
    body: body ?? { error: 'temporarily_unavailable', error_description: descriptionOf(status) },
  }
}

function descriptionOf(status: number): string {
  if (status !== 429) return `Injected by the test: status ${status}.`
  return 'AADSTS90055: There are too many incoming requests. This exception is thrown for blocked tenants.'
}
