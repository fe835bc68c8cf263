import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity'
import { minute, type SimClock, second } from './clock.ts'
import type { Dice } from './random.ts'
import type { CredentialFault, Setting } from './story.ts'
import type { Troubles } from './troubles.ts'
import { Rate, type Verdict } from './verdict.ts'

/** What the authority knows of a token. */
export interface SimToken {
  token: string
  /** When it expires in truth. */
  expiresAt: number
  /** When it expires by what the credential says, which the local clock is held against. */
  expiresOn: number
  refreshAfter: number | undefined
  /** By how much the local clock was ahead of the monotonic one when the credential answered with it. */
  given: { least: number; most: number } | undefined
}

/** A fault that is on from one true time to another. */
export interface Interval<Fault extends string> {
  fault: Fault
  from: number
  until: number
}

/** Requests that one source may make in a minute: on demand every 2 s, and some ahead of time. */
const MOST_REQUESTS = 45

/** A credential with a cache, as MSAL has it, in front of an authority that fails in all the ways there are. */
export class SimCredential implements TokenCredential {
  readonly tokens = new Map<string, SimToken>()
  /** The token in the credential's cache. */
  cached: SimToken | undefined
  requests = 0
  readonly #clock: SimClock
  readonly #dice: Dice
  readonly #setting: Setting
  readonly #faults: Interval<CredentialFault>[]
  readonly #troubles: Troubles
  readonly #verdict: Verdict
  readonly #rate = new Rate()
  #inFlight = 0
  #retryAt = 0

  constructor(parts: {
    clock: SimClock
    dice: Dice
    setting: Setting
    faults: Interval<CredentialFault>[]
    troubles: Troubles
    verdict: Verdict
  }) {
    this.#clock = parts.clock
    this.#dice = parts.dice
    this.#setting = parts.setting
    this.#faults = parts.faults
    this.#troubles = parts.troubles
    this.#verdict = parts.verdict
  }

  async getToken(_scope: string | string[], options: GetTokenOptions = {}): Promise<AccessToken | null> {
    const startedAt = this.#clock.now
    this.requests++
    if (++this.#inFlight > 1) this.#verdict.blame('requests in flight', `${this.#inFlight} token requests at once`)
    const { awake } = this.#clock
    this.#rate.add(awake)
    const recent = this.#rate.count(awake)
    // With a clock that leaves a token a few seconds it is asked for that often.
    if (recent > (this.misjudged ? 4 : 1) * MOST_REQUESTS)
      this.#verdict.blame('storm of token requests', `${recent} token requests in a minute`)
    this.#checkRetryAfter()
    let counted = true
    const countOut = () => {
      if (counted) this.#inFlight--
      counted = false
    }
    const given = new Promise<never>((_resolve, reject) => {
      options.abortSignal?.addEventListener?.('abort', () => {
        countOut()
        if (this.#faultAt(startedAt) !== 'ignoresAbort') reject(new Error('The operation was aborted.'))
      })
    })
    try {
      return await Promise.race([this.#answer(startedAt), given])
    } catch (error) {
      const { now } = this.#clock
      this.#troubles.add('credential', startedAt, now)
      if (error instanceof Throttled) {
        this.#retryAt = now + error.retryAfterInMs
        this.#troubles.add('credential', now, this.#retryAt)
      }
      throw error
    } finally {
      countOut()
    }
  }

  async #answer(startedAt: number): Promise<AccessToken | null> {
    const { cached } = this
    if (cached !== undefined && this.#clock.localNow < cached.expiresOn - this.#setting.cacheMargin) {
      return this.#give(cached)
    }
    const fault = this.#faultAt(startedAt)
    if (fault === 'hangs' || fault === 'ignoresAbort') {
      this.#troubles.add('credential', startedAt, startedAt + 30 * second)
      return new Promise<never>(() => {})
    }
    const delay = this.#dice.scaled(20, 500) * this.#setting.latency
    await this.#clock.sleep(fault === 'slow' ? delay + 4 * second : delay)
    switch (fault) {
      case 'fails':
        throw Object.assign(new Error('The authority cannot be reached.'), { statusCode: 503 })
      case 'throttles':
        throw new Throttled(this.#dice.integer(1, 40) * second)
      case 'null':
        this.#troubles.add('credential', startedAt, this.#clock.now)
        return null
      default:
        return this.#give(this.#issue())
    }
  }

  #checkRetryAfter(): void {
    const early = this.#retryAt - this.#clock.now
    // The local clock was set, or the process froze: it knows no better.
    if (early <= 1 || this.#troubles.any(['process'], this.#clock.now - minute, this.#clock.now)) return
    this.#verdict.blame('Retry-After ignored', `asked ${early} ms too soon`)
  }

  #issue(): SimToken {
    const { lifetime, relativeExpiry, givesRefreshAfter } = this.#setting
    const { now, localNow } = this.#clock
    const token = `token-${this.tokens.size + 1}`
    const expiresOn = Math.floor((relativeExpiry ? localNow : now) + lifetime)
    const refreshAfter = givesRefreshAfter ? expiresOn - lifetime / 2 : undefined
    const issued: SimToken = { token, expiresAt: now + lifetime, expiresOn, refreshAfter, given: undefined }
    this.tokens.set(token, issued)
    this.cached = issued
    return issued
  }

  #give(issued: SimToken): AccessToken {
    const ahead = this.#clock.localNow - this.#clock.monotonic
    const { least, most } = issued.given ?? { least: ahead, most: ahead }
    issued.given = { least: Math.min(least, ahead), most: Math.max(most, ahead) }
    return answerOf(issued)
  }

  /**
   * What is left of a token for all that can be known without asking anybody, in ms: a clock that was set back does
   * not make it younger.
   *
   * @returns at the least and at the most, by the answer from which it is reckoned
   */
  timeLeft(token: string): { least: number; most: number } {
    const issued = this.tokens.get(token)
    if (issued?.given === undefined) return { least: 0, most: Number.POSITIVE_INFINITY }
    const { localNow, monotonic } = this.#clock
    const left = (ahead: number) => issued.expiresOn - Math.max(localNow, monotonic + ahead)
    return { least: left(issued.given.most), most: left(issued.given.least) }
  }

  #faultAt(time: number): CredentialFault | undefined {
    return this.#faults.find(({ from, until }) => from <= time && time < until)?.fault
  }

  /** Whether the local clock is so wrong that a token looks valid that is not, or none can. */
  get misjudged(): boolean {
    const { now, localNow, skew } = this.#clock
    const { lifetime, relativeExpiry } = this.#setting
    if (!relativeExpiry && skew > 0.5 * lifetime) return true
    const { cached } = this
    return cached !== undefined && now >= cached.expiresAt - minute && localNow < cached.expiresOn
  }
}

/** As `@azure/core-rest-pipeline` has it. */
class Throttled extends Error {
  readonly statusCode = 429
  readonly retryAfterInMs: number

  constructor(retryAfterInMs: number) {
    super('Too many requests.')
    this.retryAfterInMs = retryAfterInMs
  }
}

function answerOf({ token, expiresOn, refreshAfter }: SimToken): AccessToken {
  return {
    token,
    expiresOnTimestamp: expiresOn,
    ...(refreshAfter !== undefined && { refreshAfterTimestamp: refreshAfter }),
  }
}
