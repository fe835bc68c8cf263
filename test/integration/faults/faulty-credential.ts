import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity'

/** A credential that fails on demand. It respects the signal of an aborted request. */
export class FaultyCredential implements TokenCredential {
  /** What happens to a request instead of a token. */
  fault: Error | 'hang' | undefined
  requests = 0
  mostInFlight = 0
  #inFlight = 0
  readonly #give: () => Promise<AccessToken>

  /** @param give - the source of tokens while there is no fault */
  constructor(give: () => Promise<AccessToken>) {
    this.#give = give
  }

  async getToken(_scope: string | string[], { abortSignal }: GetTokenOptions = {}): Promise<AccessToken> {
    this.requests++
    this.mostInFlight = Math.max(this.mostInFlight, ++this.#inFlight)
    try {
      // No real credential answers synchronously.
      await new Promise(setImmediate)
      if (this.fault instanceof Error) throw this.fault
      if (this.fault === 'hang') {
        await new Promise((_, reject) => abortSignal?.addEventListener('abort', () => reject(new Error('Aborted.'))))
      }
      return await this.#give()
    } finally {
      this.#inFlight--
    }
  }
}
