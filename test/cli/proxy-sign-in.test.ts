import { describe, expect, it } from 'vitest'
import { Readiness, type SignInEvent, signIn } from '../../src/cli/proxy-sign-in.ts'
import { targetOf } from '../../src/login/target.ts'
import { setUp } from '../../src/setup.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** Fails for good: nothing is dialled. */
function start() {
  const clock = new VirtualClock()
  const credential = {
    requests: 0,
    getToken: async () => {
      credential.requests++
      throw Object.assign(new Error('no identity here'), { name: 'CredentialUnavailableError' })
    },
  }
  const setup = setUp('sqlserver://h;database=app', { credential, clock, random: () => 0 })
  const readiness = new Readiness()
  const events: (SignInEvent & { after: number })[] = []
  const begun = clock.now()
  const stop = new AbortController()
  const over = signIn({ setup, target: targetOf(setup.mssql) }, readiness, {
    onAttempt() {},
    emit: (event) => events.push({ ...event, after: (event.at - begun) / 1000 }),
    signal: stop.signal,
  })
  return { clock, credential, readiness, events, stop, over }
}

describe('the first sign-in of a proxy', () => {
  it('that fails is reported immediately and retried, often at first and then every minute', async () => {
    const { clock, readiness, events, stop, over } = start()
    expect(readiness.whyNot).toMatch(/not over yet/)
    await clock.advance(600_000)
    const waits = events.map((event) => (event.type === 'proxy.sign-in-failed' ? event.retryInMs : 0))
    expect(waits.slice(0, 11)).toEqual([500, 1_000, 2_000, 4_000, ...Array(5).fill(5_000), 60_000, 60_000])
    expect(events.map((event) => 'changed' in event && event.changed)).toEqual([
      true,
      ...waits.slice(1).map(() => false),
    ])
    expect(events.length).toBeLessThan(22)
    expect(readiness.whyNot).toMatch(/no identity here/)
    stop.abort()
    await over
    expect(clock.timers).toBe(0)
  })

  it('is not retried once a client has signed in', async () => {
    const { clock, credential, readiness, events, over } = start()
    await clock.advance(6_000)
    expect(events.length).toBeGreaterThan(0)
    readiness.worked()
    const { requests } = credential
    await clock.advance(600_000)
    await over
    expect(credential.requests).toBe(requests)
    expect(readiness.whyNot).toBeUndefined()
    expect(clock.timers).toBe(0)
  })
})
