import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity'

/** A credential that fails when a test says so. It heeds the signal of a request that is given up. */
export class TroubledCredential implements TokenCredential {
  /** What a request meets instead of a token. */
  trouble: Error | 'hang' | undefined
  requests = 0
  mostInFlight = 0
  #inFlight = 0
  readonly #give: () => Promise<AccessToken>

  /** @param give - where tokens come from while there is no trouble */
  constructor(give: () => Promise<AccessToken>) {
    this.#give = give
  }

  async getToken(_scope: string | string[], { abortSignal }: GetTokenOptions = {}): Promise<AccessToken> {
    this.requests++
    this.mostInFlight = Math.max(this.mostInFlight, ++this.#inFlight)
    try {
      // None answers at once.
      await new Promise(setImmediate)
      if (this.trouble instanceof Error) throw this.trouble
      if (this.trouble === 'hang') {
        await new Promise((_, reject) => abortSignal?.addEventListener('abort', () => reject(new Error('Aborted.'))))
      }
      return await this.#give()
    } finally {
      this.#inFlight--
    }
  }
}

/** What a credential throws that was answered 429, as `RestError` of `@azure/core-rest-pipeline` has it. */
export function throttled(retryAfterSeconds: number): Error {
  const headers = new Map([['retry-after', String(retryAfterSeconds)]])
  return Object.assign(new Error('Too many requests.'), { statusCode: 429, response: { status: 429, headers } })
}
