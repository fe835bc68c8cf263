import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity'
import { minute, type SimClock, second } from './clock.ts'
import type { FaultLog } from './fault-log.ts'
import type { SeededRandom } from './random.ts'
import type { CredentialFault, Setting } from './scenario.ts'
import { Rate, type Violations } from './violations.ts'

/** What the authority knows of a token. */
export interface SimToken {
  token: string
  /** When it really expires. */
  expiresAt: number
  /** When it expires according to the credential. The local clock is compared with this. */
  expiresOn: number
  refreshAfter: number | undefined
  /** By how much the local clock was ahead of the monotonic one when the credential answered with it. */
  given: { least: number; most: number } | undefined
  /** Whether a server has refused it. */
  refused: boolean
}

/** Requests that one source may make in a minute: on demand every 1 to 2 s, at random. */
const MOST_REQUESTS = 60

/** A request aborted longer ago than this hangs forever, and another one may begin. In ms. */
const HANGS_AFTER = 3 * minute

/** A credential with a cache like MSAL's, in front of an authority that fails in every way. */
export class SimCredential implements TokenCredential {
  readonly tokens = new Map<string, SimToken>()
  requests = 0
  /** Called when a request begins. The invariants say whether it was needed. */
  onRequest: () => void = () => {}
  readonly #clock: SimClock
  readonly #random: SeededRandom
  readonly #setting: Setting
  readonly #faultLog: FaultLog
  readonly #violations: Violations
  readonly #rate = new Rate()
  readonly #running = new Set<{ startedAt: number; givenUp: boolean }>()
  #cached: SimToken | undefined
  #fault: { name: CredentialFault; until: number } | undefined
  #retryAt = 0

  constructor(clock: SimClock, random: SeededRandom, setting: Setting, faults: FaultLog, violations: Violations) {
    this.#clock = clock
    this.#random = random
    this.#setting = setting
    this.#faultLog = faults
    this.#violations = violations
  }

  /** Begins a fault of the credential. */
  begin(name: CredentialFault, duration: number): void {
    const { now } = this.#clock
    this.#fault = { name, until: now + duration }
    this.#faultLog.add('credential', now, now + duration)
  }

  async getToken(_scope: string | string[], { abortSignal }: GetTokenOptions = {}): Promise<AccessToken | null> {
    const startedAt = this.#clock.now
    this.#checkRequest()
    const request = { startedAt, givenUp: false }
    this.#running.add(request)
    const { fault } = this
    const given = new Promise<never>((_resolve, reject) => {
      abortSignal?.addEventListener?.('abort', () => {
        request.givenUp = true
        if (fault !== 'ignoresAbort') reject(new Error('The operation was aborted.'))
      })
    })
    try {
      return await Promise.race([this.#answer(fault), given])
    } catch (error) {
      const { now } = this.#clock
      const retryAfter = error instanceof Throttled ? error.retryAfterInMs : 0
      this.#faultLog.add('credential', startedAt, now + retryAfter)
      this.#retryAt = Math.max(this.#retryAt, now + retryAfter)
      throw error
    } finally {
      this.#running.delete(request)
    }
  }

  async #answer(fault: CredentialFault | undefined): Promise<AccessToken | null> {
    const cached = this.#cached
    if (cached !== undefined && this.#clock.localNow < cached.expiresOn - this.#setting.cacheMargin) {
      return this.#give(cached)
    }
    const { now } = this.#clock
    if (fault === 'hangs') return new Promise<never>(() => this.#faultLog.add('credential', now, now + 30 * second))
    if (fault === 'ignoresAbort') {
      const delay = this.#random.scaled(second, 10 * minute)
      this.#faultLog.add('credential', now, now + delay)
      await this.#clock.sleep(delay)
      return this.#give(this.#issue())
    }
    const delay = this.#random.scaled(20, 500) * this.#setting.latency
    await this.#clock.sleep(fault === 'slow' ? delay + 4 * second : delay)
    if (fault === 'fails') throw Object.assign(new Error('The authority cannot be reached.'), { statusCode: 503 })
    if (fault === 'throttles') throw new Throttled(this.#random.integer(1, 40) * second)
    if (fault === 'null') this.#faultLog.add('credential', now, this.#clock.now)
    return fault === 'null' ? null : this.#give(this.#issue())
  }

  #checkRequest(): void {
    const { awake, now } = this.#clock
    this.requests++
    this.onRequest()
    const hangs = (startedAt: number) => now - startedAt >= HANGS_AFTER - second
    const others = [...this.#running].filter(({ startedAt, givenUp }) => !givenUp || !hangs(startedAt))
    // If the local clock was set, or the process froze, this cannot be known.
    const isDisturbed = this.#faultLog.any(['process'], now - HANGS_AFTER, now)
    if (!isDisturbed && others.length > 0)
      this.#violations.report('requests in flight', `one more beside ${others.length}`)
    this.#rate.add(awake)
    const recent = this.#rate.count(awake)
    // With a clock that leaves a token a few seconds it is asked for that often.
    if (recent > (this.misjudged ? 4 : 1) * MOST_REQUESTS) {
      this.#violations.report('storm of token requests', `${recent} in a minute`)
    }
    const early = this.#retryAt - now
    if (early <= 1 || isDisturbed) return
    this.#violations.report('Retry-After ignored', `asked ${early} ms too soon`)
  }

  #issue(): SimToken {
    const { lifetime, relativeExpiry, givesRefreshAfter } = this.#setting
    const { now, localNow } = this.#clock
    const token = `token-${this.tokens.size + 1}`
    const expiresOn = Math.floor((relativeExpiry ? localNow : now) + lifetime)
    const refreshAfter = givesRefreshAfter ? expiresOn - lifetime / 2 : undefined
    const expiresAt = now + lifetime
    const issued: SimToken = { token, expiresAt, expiresOn, refreshAfter, given: undefined, refused: false }
    this.tokens.set(token, issued)
    this.#cached = issued
    return issued
  }

  #give(issued: SimToken): AccessToken {
    const ahead = this.#clock.localNow - this.#clock.monotonic
    const { least, most } = issued.given ?? { least: ahead, most: ahead }
    issued.given = { least: Math.min(least, ahead), most: Math.max(most, ahead) }
    const { token, expiresOn: expiresOnTimestamp, refreshAfter: refreshAfterTimestamp } = issued
    return { token, expiresOnTimestamp, ...(refreshAfterTimestamp !== undefined && { refreshAfterTimestamp }) }
  }

  /**
   * What is left of a token, as far as the process can know, in ms: a clock that was set back does
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

  /** Whether it has expired by the server's clock. */
  isExpired(token: string): boolean {
    return this.#clock.now >= (this.tokens.get(token)?.expiresAt ?? 0)
  }

  /** The current fault. */
  get fault(): CredentialFault | undefined {
    return this.#fault !== undefined && this.#clock.now < this.#fault.until ? this.#fault.name : undefined
  }

  /** Whether the local clock is so wrong that a token looks valid that is not, or none can. */
  get misjudged(): boolean {
    const { now, localNow, skew } = this.#clock
    const { lifetime, relativeExpiry } = this.#setting
    if (!relativeExpiry && skew > 0.5 * lifetime) return true
    if (this.#cached === undefined) return false
    const { expiresAt, expiresOn } = this.#cached
    // Its cache uses the local clock too.
    const isBehind = expiresOn - localNow > expiresAt - now + second && now >= expiresAt - 11 * minute
    return isBehind || (now >= expiresAt - minute && localNow < expiresOn)
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
