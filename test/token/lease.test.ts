import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Lease, leaseOf } from '../../src/token/lease.ts'
import { defaultRefreshTiming as timing } from '../../src/token/refresh-policy.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const clock = new VirtualClock()
const now = clock.now()
const hour = 3_600_000

describe('a lease', () => {
  it('has the credential’s expiry, and its own refresh time if the credential gives none', () => {
    const lease = leaseOf({ token: 'secret', expiresOnTimestamp: now + hour }, clock, timing)
    expect({ ...lease }).toEqual({
      expiresOn: now + hour,
      refreshAfter: now + hour - 600_000,
      deadline: now + hour - 120_000,
      acquiredAt: now,
    })
    expect(lease.token).toBe('secret')
  })

  it('has the credential’s refresh time unless that is later than its own or already due', () => {
    const answer = (refreshAfterTimestamp: number) => ({
      token: 'secret',
      expiresOnTimestamp: now + hour,
      refreshAfterTimestamp,
    })
    expect(leaseOf(answer(now + hour / 2), clock, timing).refreshAfter).toBe(now + hour / 2)
    expect(leaseOf(answer(now + 2 * hour), clock, timing).refreshAfter).toBe(now + hour - 600_000)
    expect(leaseOf(answer(now - hour), clock, timing).refreshAfter).toBe(now + (hour - 600_000) / 4)
  })

  it('is fresh until its deadline', async () => {
    const clock = new VirtualClock()
    const lease = leaseOf({ token: 'secret', expiresOnTimestamp: clock.now() + hour }, clock, timing)
    await clock.advance(hour - 120_001)
    expect([lease.isFresh, lease.deadlineIn]).toEqual([true, 1])
    await clock.advance(1)
    expect([lease.isFresh, lease.deadlineIn]).toEqual([false, 0])
  })

  it('allows no sending in its last 100 ms, which a statement may need to reach the server', async () => {
    const clock = new VirtualClock()
    const lease = leaseOf({ token: 'secret', expiresOnTimestamp: clock.now() + hour }, clock, timing)
    await clock.advance(hour - 101)
    expect(lease.maySend).toBe(true)
    await clock.advance(1)
    expect(lease.maySend).toBe(false)
  })

  it('allows sending as long as it is fresh, whatever its life and the timing', async () => {
    for (const life of [90, 400, 900, 5_000, hour]) {
      for (const deadline of [{}, { deadlineFraction: 0, deadlineMarginMin: 0 }]) {
        const clock = new VirtualClock()
        const answer = { token: 'secret', expiresOnTimestamp: clock.now() + life }
        const lease = leaseOf(answer, clock, { ...timing, ...deadline })
        await clock.advance(Math.max(lease.deadlineIn - 1, 0))
        expect([life, lease.isFresh && !lease.maySend]).toEqual([life, false])
      }
    }
  })

  it('ages by whichever clock sees more time pass', async () => {
    const clock = new VirtualClock()
    const lease = leaseOf({ token: 'secret', expiresOnTimestamp: clock.now() + hour }, clock, timing)
    await clock.advance(1_000)
    clock.set(-2 * hour)
    expect(lease.timeLeft).toBe(hour - 1_000)
    clock.set(hour - 3_000)
    expect(lease.timeLeft).toBe(2_000)
    await clock.advance(3_000)
    expect(lease.timeLeft).toBe(-1_000)
  })

  it('does not show its token', () => {
    const lease = new Lease('very-secret', { expiresOn: 1, refreshAfter: 1, deadline: 1 }, clock)
    expect(inspect(lease, { depth: 9, showHidden: true, getters: true })).not.toContain('very-secret')
    expect(JSON.stringify(lease)).not.toContain('very-secret')
    expect(`${lease}`).not.toContain('very-secret')
  })
})

describe('an invalid answer of a credential is rejected', () => {
  it.each([
    ['null', null, 'TOKEN_INVALID', /no token/],
    ['an empty token', { token: '', expiresOnTimestamp: now + hour }, 'TOKEN_INVALID', /empty token/],
    ['no expiry', { token: 'secret' }, 'TOKEN_INVALID', /without an expiry/],
    ['an expiry that is no number', { token: 'secret', expiresOnTimestamp: Number.NaN }, 'TOKEN_INVALID', /expiry/],
    ['an expired token', { token: 'secret', expiresOnTimestamp: now - 5000 }, 'TOKEN_EXPIRED', /expired 5 s ago/],
    ['an expiry in seconds', { token: 'secret', expiresOnTimestamp: now / 1000 + 3600 }, 'TOKEN_INVALID', /in ms/],
  ])('%s', (_, answer, code, message) => {
    const failure = expect(() => leaseOf(answer as never, clock, timing))
    failure.toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  })
})
