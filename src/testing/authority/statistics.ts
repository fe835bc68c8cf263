/** What the authority serves; `other` is whatever it does not know. */
export type Endpoint = 'app-service' | 'imds' | 'token' | 'azure-pipelines' | 'openid-configuration' | 'keys' | 'other'

/** The endpoints that give tokens. */
export type TokenEndpoint = Extract<Endpoint, 'app-service' | 'imds' | 'token'>

export function givesTokens(endpoint: Endpoint): endpoint is TokenEndpoint {
  return endpoint === 'app-service' || endpoint === 'imds' || endpoint === 'token'
}

/** What happened since the start, or since `resetStats()`. */
export interface AuthorityStats {
  /** Requests to all endpoints, those that were refused, cut or never answered included. */
  requests: number
  byEndpoint: Record<Endpoint, number>
  /** Requests to the endpoints that give tokens. */
  tokenRequests: number
  /** Answers of those endpoints that held a token; what `issueToken` makes is not counted. */
  tokensIssued: number
  /** Token requests that are waiting for their answer now. */
  inFlight: number
  /** The most token requests that ever waited at once. */
  maxInFlight: number
}

/** Counts. */
export class Statistics {
  #byEndpoint = zeros()
  #tokensIssued = 0
  #inFlight = 0
  #maxInFlight = 0

  /** A request begins, and is over when `closed` resolves. */
  request(endpoint: Endpoint, closed: Promise<void>): void {
    this.#byEndpoint[endpoint] += 1
    if (!givesTokens(endpoint)) return
    this.#inFlight += 1
    this.#maxInFlight = Math.max(this.#maxInFlight, this.#inFlight)
    void closed.then(() => {
      this.#inFlight -= 1
    })
  }

  tokenIssued(): void {
    this.#tokensIssued += 1
  }

  snapshot(): AuthorityStats {
    const byEndpoint = { ...this.#byEndpoint }
    return {
      requests: Object.values(byEndpoint).reduce((sum, count) => sum + count, 0),
      byEndpoint,
      tokenRequests: byEndpoint['app-service'] + byEndpoint.imds + byEndpoint.token,
      tokensIssued: this.#tokensIssued,
      inFlight: this.#inFlight,
      maxInFlight: this.#maxInFlight,
    }
  }

  /** Requests that are in flight stay in flight. */
  reset(): void {
    this.#byEndpoint = zeros()
    this.#tokensIssued = 0
    this.#maxInFlight = this.#inFlight
  }
}

function zeros(): Record<Endpoint, number> {
  return { 'app-service': 0, imds: 0, token: 0, 'azure-pipelines': 0, 'openid-configuration': 0, keys: 0, other: 0 }
}
