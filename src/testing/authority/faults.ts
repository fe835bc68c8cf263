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

/** A fault that was injected. */
export interface InjectedFault {
  /** How many requests it befell. */
  readonly hits: number
  /** Takes it away; requests that it befell already stay as they are. */
  clear(): void
}

interface Entry {
  fault: Fault
  hits: number
}

/** The faults in force, oldest first. A request takes the first that fits, and no other. */
export class FaultList {
  readonly #entries = new Set<Entry>()

  inject(fault: Fault): InjectedFault {
    const entry: Entry = { fault, hits: 0 }
    this.#entries.add(entry)
    return {
      get hits() {
        return entry.hits
      },
      clear: () => {
        this.#entries.delete(entry)
      },
    }
  }

  clear(): void {
    this.#entries.clear()
  }

  /** The fault that befalls a request to this endpoint. */
  take(endpoint: Endpoint): Fault | undefined {
    for (const entry of this.#entries) {
      if (!fits(entry.fault, endpoint)) continue
      entry.hits += 1
      if (entry.hits >= (entry.fault.times ?? Number.POSITIVE_INFINITY)) this.#entries.delete(entry)
      return entry.fault
    }
    return undefined
  }
}

function fits(fault: Fault, endpoint: Endpoint): boolean {
  return fault.endpoint === undefined ? givesTokens(endpoint) : fault.endpoint === endpoint
}
