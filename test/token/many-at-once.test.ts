import type { AccessToken, TokenCredential } from '@azure/identity'
import { describe, expect, it } from 'vitest'
import { TokenSource } from '../../src/token/token-source.ts'
import { SeededRandom } from '../simulation/random.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

const SOURCES = 500

/** Gives so many tokens in each second, and asks whoever comes then for patience, in words that are lost or not. */
class BusyAuthority {
  readonly requestedAt: number[] = []
  mostInFlightOfOne = 0
  /** Requests that came before the time that was asked for. */
  tooEarly = 0
  readonly #clock: VirtualClock
  readonly #retryAfter: number | undefined
  readonly perSecond: number
  readonly #given = new Map<number, number>()

  constructor(clock: VirtualClock, perSecond: number, retryAfter?: number) {
    this.#clock = clock
    this.perSecond = perSecond
    this.#retryAfter = retryAfter
  }

  /** A credential of one process: nothing is shared with the others. */
  credential(): TokenCredential {
    let inFlight = 0
    let notBefore = 0
    return {
      getToken: async (): Promise<AccessToken> => {
        const at = this.#clock.now()
        this.mostInFlightOfOne = Math.max(this.mostInFlightOfOne, ++inFlight)
        this.requestedAt.push(at)
        if (at < notBefore) this.tooEarly++
        await new Promise<void>((resolve) => this.#clock.setTimer(20, resolve))
        inFlight--
        const bucket = Math.floor(at / second)
        const given = this.#given.get(bucket) ?? 0
        if (given >= this.perSecond) {
          notBefore = this.#clock.now() + (this.#retryAfter ?? 1) * second
          throw tooMany(this.#retryAfter)
        }
        this.#given.set(bucket, given + 1)
        return { token: `token-${this.requestedAt.length}`, expiresOnTimestamp: this.#clock.now() + hour }
      },
    }
  }

  /** The most requests in one second from then on, and how many seconds had any. */
  busiest(since: number): { most: number; seconds: number } {
    const buckets = new Map<number, number>()
    for (const at of this.requestedAt.filter((it) => it >= since)) {
      const bucket = Math.floor(at / second)
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1)
    }
    return { most: Math.max(0, ...buckets.values()), seconds: buckets.size }
  }
}

function tooMany(retryAfter: number | undefined): Error {
  if (retryAfter === undefined) return new Error('ManagedIdentityCredential: Too many requests.')
  const headers = new Map([['retry-after', String(retryAfter)]])
  return Object.assign(new Error('429'), { statusCode: 429, response: { status: 429, headers } })
}

function setUp(perSecond: number, retryAfter?: number) {
  const clock = new VirtualClock()
  const authority = new BusyAuthority(clock, perSecond, retryAfter)
  const sources = Array.from({ length: SOURCES }, (_, seed) => {
    const source = new TokenSource(authority.credential(), {
      scope: 's',
      clock,
      random: new SeededRandom(seed + 1, 1).next,
    })
    source.subscribe(() => {})
    return source
  })
  return { clock, authority, sources }
}

describe(`${SOURCES} processes that wake up together`, () => {
  it('request one token each and spread their refreshes over different seconds', async () => {
    const { clock, authority, sources } = setUp(SOURCES)
    const waking = Promise.all(sources.map((source) => source.get()))
    await clock.advance(second)
    await waking
    expect(authority.requestedAt).toHaveLength(SOURCES)
    const awake = clock.now()
    await clock.advance(hour - 2 * minute - second)
    expect(authority.requestedAt).toHaveLength(2 * SOURCES)
    // Two minutes of the eight between refresh and deadline.
    const { most, seconds } = authority.busiest(awake)
    expect(seconds).toBeGreaterThan(90)
    expect(most).toBeLessThan(SOURCES / 25)
    expect(authority.mostInFlightOfOne).toBe(1)
  })

  it.each([
    ['Retry-After', 10, second],
    // Its first wait, which a query waits for, is 1 s, give or take nothing but half a second more.
    ['a throttling whose Retry-After is lost', undefined, 2 * second],
  ])('respect %s and retry at different times', async (_, retryAfter, apartAfter) => {
    const { clock, authority, sources } = setUp(100, retryAfter)
    const waking = Promise.all(sources.map((source) => source.get({ timeout: hour })))
    const started = clock.now()
    await clock.advance(10 * minute)
    await waking
    expect(sources.every((source) => source.stats().tokensAcquired === 1)).toBe(true)
    expect(authority.tooEarly).toBe(0)
    expect(authority.mostInFlightOfOne).toBe(1)
    // The first 500 meet; the 400 that were sent away do not meet again then.
    expect(authority.busiest(started + apartAfter).most).toBeLessThan(250)
    expect(authority.requestedAt.length).toBeLessThan(5 * SOURCES)
  })
})
