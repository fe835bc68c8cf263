import { describe, expect, it } from 'vitest'
import { EntraError } from '../../src/errors/entra-error.ts'
import { HOUR, MINUTE, setUp } from './support.ts'

type Made = ReturnType<typeof setUp>

/** Has so much work run at once, which ends at once. */
async function work({ pool, clock }: Made, count = 50): Promise<void> {
  const all = Promise.all(
    Array.from({ length: count }, async () => {
      const connection = await pool.acquire()
      expect(connection.lease.timeLeft).toBeGreaterThan(0)
      pool.release(connection)
    }),
  )
  await clock.advance(5_000)
  await all
}

/** What a piece of work fails with; undefined if it gets a connection, or waits yet. */
function failing({ pool }: Made): { readonly error: unknown } {
  const failed: { error: unknown } = { error: undefined }
  Promise.resolve(pool.acquire()).catch((error: unknown) => {
    failed.error = error
  })
  return failed
}

/** Passes the authority's time on, as the endpoints of managed identities have it, whatever the local clock says. */
function absolute({ credential, clock }: Made): void {
  credential.token = (name, lifetime = HOUR) => ({ token: name, expiresOnTimestamp: clock.monotonic() + lifetime })
}

const idleForHours = { maxIdleConnectionLifetime: 24 * HOUR }

describe('a clock that is changed', () => {
  it.each([5, -5])('by some minutes (%i) changes nothing', async (minutes) => {
    const it = setUp(idleForHours)
    await work(it, 1)
    it.clock.set(minutes * MINUTE)
    await work(it, 1)
    await it.clock.advance(30 * MINUTE)
    await work(it, 1)
    expect([it.credential.requests, it.server.logins]).toEqual([1, 1])
  })

  it('ahead by hours makes all work wait for one new token', async () => {
    const it = setUp(idleForHours)
    await work(it)
    it.clock.set(3 * HOUR)
    await work(it)
    await work(it)
    expect([it.credential.requests, it.server.logins]).toEqual([2, 20])
  })

  it('ahead by hours, if tokens keep the authority’s time, fails work with the reason and causes few token requests', async () => {
    const it = setUp(idleForHours)
    absolute(it)
    await work(it, 1)
    it.clock.set(2 * HOUR)
    const failed = failing(it)
    await it.clock.advance(15_000)
    expect(failed.error).toMatchObject({
      code: 'TOKEN_UNAVAILABLE',
      message: expect.stringMatching(/expired \d+ s ago.*check the clock of this machine/),
    })
    expect(it.credential.requests).toBeLessThan(20)
    it.clock.set(0)
    await it.clock.advance(2_000)
    await work(it, 1)
  })

  it('back by hours does not keep a token in use past its lifetime', async () => {
    const it = setUp(idleForHours)
    await work(it, 1)
    const [first] = it.server.open
    it.clock.set(-3 * HOUR)
    for (let minutes = 0; minutes < 60; minutes++) {
      await work(it, 1)
      await it.clock.advance(55_000)
    }
    expect([first?.closedBy, it.pool.stats().rotations, it.credential.requests]).toEqual(['replaced', 1, 2])
  })

  it('back before the first token, if tokens keep the authority’s time, lets the server decide when they expire', async () => {
    const it = setUp()
    absolute(it)
    it.clock.set(-2 * HOUR)
    it.server.onLogin = ({ expiresOn }) => {
      if (expiresOn <= it.clock.monotonic()) throw new EntraError('TOKEN_REFUSED', 'Expired.', { number: 18456 })
    }
    for (let lifetimes = 0; lifetimes < 3; lifetimes++) {
      await work(it, 1)
      expect(it.credential.requests).toBe(1 + lifetimes)
      await it.clock.advance(HOUR + 1_000)
    }
  })

  it('back while work waits for a token does not lengthen the wait', async () => {
    const it = setUp({ waitTimeout: 15_000 })
    it.credential.answer(...Array.from({ length: 20 }, () => new Error('no route to the endpoint')))
    const failed = failing(it)
    await it.clock.advance(5_000)
    it.clock.set(-3 * HOUR)
    await it.clock.advance(9_999)
    expect(failed.error).toBeUndefined()
    await it.clock.advance(1)
    expect(failed.error).toMatchObject({ code: 'TOKEN_UNAVAILABLE' })
  })

  it('back while work waits for a server does not lengthen the wait', async () => {
    const it = setUp()
    it.server.onLogin = () => {
      throw new EntraError('DATABASE_UNAVAILABLE', 'Paused.', { number: 49918 })
    }
    const waiting = Promise.resolve(it.pool.acquire())
    await it.clock.advance(1_000)
    it.clock.set(-3 * HOUR)
    await it.clock.advance(4_000)
    it.server.onLogin = () => {}
    await it.clock.advance(5_000)
    await waiting
    expect(it.server.logins).toBe(5)
  })

  it('back and forth by hours, ten times, causes no burst of requests', async () => {
    const it = setUp(idleForHours)
    await work(it)
    for (let n = 0; n < 10; n++) {
      it.clock.set(n % 2 === 0 ? 3 * HOUR : -3 * HOUR)
      await work(it)
    }
    expect(it.credential.requests).toBeLessThanOrEqual(3)
    expect(it.server.logins).toBeLessThanOrEqual(30)
  })
})
