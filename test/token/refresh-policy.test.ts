import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  againDelay,
  askAgainDelay,
  deadlineOf,
  defaultRefreshAfter,
  delayOnDemand,
  retryDelay,
  spreadRefresh,
  throttledDelay,
  defaultRefreshTiming as timing,
} from '../../src/token/refresh-policy.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

describe('the time to request the next token', () => {
  it.each([
    ['a token of 24 h: 10 min before expiry', 24 * hour, 24 * hour - 10 * minute],
    ['a token of 1 h: 10 min before expiry', hour, 50 * minute],
    ['a token of 10 min: a fifth before expiry', 10 * minute, 8 * minute],
    ['a token of 2 min: 30 s before expiry', 2 * minute, 90 * second],
    ['a token of 15 s: two fifths before expiry', 15 * second, 9 * second],
  ])('%s', (_, lifetime, expected) => {
    expect(defaultRefreshAfter(0, lifetime, timing)).toBe(expected)
  })
})

describe('the deadline of a token', () => {
  it.each([
    ['a token of 24 h: 2 min before expiry', 24 * hour, 24 * hour - 2 * minute],
    ['a token of 10 min: a twentieth before expiry', 10 * minute, 9.5 * minute],
    ['a token of 30 s: 2 s before expiry', 30 * second, 28 * second],
    ['a token of 10 s: a tenth before expiry', 10 * second, 9 * second],
    ['a token of half a second: 100 ms before expiry, the last moment to send', 500, 400],
  ])('%s', (_, lifetime, expected) => {
    expect(deadlineOf(0, lifetime, timing)).toBe(expected)
  })

  it('lies between the refresh and the expiry, whatever the lifetime from a second on', () => {
    fc.assert(
      fc.property(fc.integer({ min: second, max: 48 * hour }), (lifetime) => {
        const refresh = defaultRefreshAfter(0, lifetime, timing)
        const deadline = deadlineOf(0, lifetime, timing)
        expect(refresh).toBeGreaterThan(0)
        expect(refresh).toBeLessThan(deadline)
        expect(deadline).toBeLessThan(lifetime)
      }),
    )
  })
})

describe('the next request after the credential returned the same token', () => {
  it('comes sooner as the deadline approaches, in time for a cache that renews 5 min before expiry', () => {
    const deadline = deadlineOf(0, hour, timing)
    const asked: number[] = []
    for (let now = defaultRefreshAfter(0, hour, timing); now < deadline; ) {
      asked.push(now)
      now += askAgainDelay(hour, deadline - now)
    }
    const gaps = asked.slice(1).map((at, i) => at - (asked[i] ?? 0))
    expect(gaps).toEqual([...gaps].sort((a, b) => b - a))
    expect(asked.filter((at) => at < hour - 5 * minute).length).toBeLessThan(6)
    expect(asked.some((at) => at >= hour - 5 * minute && at < hour - 4 * minute)).toBe(true)
  })

  it('is never immediate', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1000, max: 48 * hour }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (life, part) => {
          expect(askAgainDelay(life, deadlineOf(0, life, timing) - life * part)).toBeGreaterThanOrEqual(
            Math.min(second, life / 20),
          )
        },
      ),
    )
  })
})

describe('the wait after a token that had to be replaced', () => {
  it('is a twentieth of its remaining life, from half a second to two', () => {
    expect([hour, 30 * second, second].map(againDelay)).toEqual([2 * second, 1.5 * second, second / 2])
  })
})

describe('the wait after a failure', () => {
  it('doubles from 1 s to 60 s', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 100].map((attempt) => retryDelay(attempt, 1, 0, undefined))).toEqual(
      [1, 2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * second),
    )
  })

  it('is shortened by up to a half at random', () => {
    expect(retryDelay(3, 0, 0, undefined)).toBe(2 * second)
  })

  it('is never less than its minimum', () => {
    expect(retryDelay(1, 0, 30 * second, 4 * second)).toBe(30 * second)
  })

  it('is at most a quarter of the current token’s remaining life', () => {
    expect(retryDelay(7, 1, 0, 20 * second)).toBe(5 * second)
  })
})

describe('the wait that an authority asks for', () => {
  it.each([
    ['Retry-After', 30 * second, true, 1, 0, 30 * second],
    ['Retry-After, and by chance a fifth more', 30 * second, true, 1, 1, 36 * second],
    ['1 s after too many requests, where it is not known', undefined, true, 1, 0, second],
    ['2 s after the second failure then', undefined, true, 2, 0, 2 * second],
    ['by chance a half more then', undefined, true, 2, 1, 3 * second],
    ['10 s at most then, but for chance', undefined, true, 100, 0, 10 * second],
    ['nothing after another failure', undefined, false, 1, 1, 0],
  ])('is %s', (_, retryAfter, throttled, attempt, random, expected) => {
    expect(throttledDelay(retryAfter, throttled, attempt, random)).toBe(expected)
  })
})

describe('the retry interval while work waits', () => {
  it.each([
    ['2 s at most', minute, 0, 1, 2 * second],
    ['1 s at most, by chance', minute, 0, 0, second],
    ['no longer than it is without work', second / 2, 0, 1, second / 2],
    ['as long as the authority asked for', minute, 30 * second, 0, 30 * second],
  ])('is %s', (_, delay, atLeast, random, expected) => {
    expect(delayOnDemand(delay, atLeast, random)).toBe(expected)
  })
})

describe('the time of a refresh', () => {
  it('is spread over a quarter of the time before the deadline and never later', () => {
    const spread = (random: number) => spreadRefresh(50 * minute, hour - 2 * minute, timing, random)
    expect([0, 0.5, 1].map(spread)).toEqual([50 * minute, 51 * minute, 52 * minute])
    expect(spreadRefresh(59 * minute, hour - 2 * minute, timing, 1)).toBe(59 * minute)
  })
})
