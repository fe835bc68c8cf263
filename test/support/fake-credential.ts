import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity'
import type { Clock } from '../../src/time/clock.ts'

/** `hang`: none until the signal is aborted. */
type Answer = AccessToken | null | Error | 'hang'

/** A credential on a test's clock: gives a new token of `lifetime` ms each time, unless told to answer otherwise. */
export class FakeCredential implements TokenCredential {
  lifetime: number
  requests = 0
  inFlight = 0
  mostInFlight = 0
  aborted = 0
  readonly #clock: Clock
  readonly #answers: Answer[] = []

  constructor(clock: Clock, lifetime = 3_600_000) {
    this.#clock = clock
    this.lifetime = lifetime
  }

  /** The next requests are answered with these, in order. */
  answer(...answers: Answer[]): void {
    this.#answers.push(...answers)
  }

  /** Takes back what of these has not been given yet. */
  recover(): void {
    this.#answers.length = 0
  }

  token(name: string, lifetime = this.lifetime): AccessToken {
    return { token: name, expiresOnTimestamp: this.#clock.now() + lifetime }
  }

  async getToken(_scope: string | string[], options: GetTokenOptions = {}): Promise<AccessToken | null> {
    const number = ++this.requests
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight)
    options.abortSignal?.addEventListener?.('abort', () => this.aborted++)
    try {
      await Promise.resolve()
      const answer = this.#answers.shift()
      if (answer === 'hang') return await aborted(options)
      if (answer instanceof Error) throw answer
      return answer === undefined ? this.token(`token-${number}`) : answer
    } finally {
      this.inFlight--
    }
  }
}

function aborted({ abortSignal }: GetTokenOptions): Promise<never> {
  return new Promise((_, reject) => {
    abortSignal?.addEventListener?.('abort', () => reject(Object.assign(new Error('aborted'), { name: 'AbortError' })))
  })
}
