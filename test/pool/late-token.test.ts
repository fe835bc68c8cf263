import { describe, expect, it } from 'vitest'
import { acquire, HOUR, MINUTE, setUp } from './support.ts'

const sealed = () => new Error('the vault is sealed')

/** A pool with one idle connection, whose credential fails from now on. */
async function failing(settings: Parameters<typeof setUp>[0] = {}) {
  const made = setUp({ maxIdleConnectionLifetime: 2 * HOUR, ...settings })
  made.pool.release(await acquire(made))
  made.credential.answer(...Array.from({ length: 1_000 }, sealed))
  return made
}

/** Has so much work wait for a connection. @returns when each failed, in ms from now, and why */
function waiting({ pool, clock }: Awaited<ReturnType<typeof failing>>, count: number) {
  const begun = clock.now()
  const failures: { after: number; error: unknown }[] = []
  for (let n = 0; n < count; n++) {
    Promise.resolve(pool.acquire()).catch((error: unknown) => failures.push({ after: clock.now() - begun, error }))
  }
  return failures
}

describe('while the next token is late', () => {
  it('work continues until the deadline of the connections', async () => {
    const it = await failing()
    await it.clock.advance(57 * MINUTE)
    expect(it.credential.requests).toBeGreaterThan(2)
    it.pool.release(await acquire(it))
    expect([it.server.logins, it.pool.stats().rotations]).toEqual([1, 0])
  })

  it('work that arrives after the deadline waits for waitTimeout and fails with the credential’s reason', async () => {
    const it = await failing({ waitTimeout: 15_000 })
    await it.clock.advance(58 * MINUTE + 1)
    const { requests } = it.credential
    const failures = waiting(it, 50)
    await it.clock.advance(14_999)
    expect(failures).toEqual([])
    await it.clock.advance(1)
    expect(failures).toHaveLength(50)
    for (const { error } of failures) {
      expect(error).toMatchObject({
        code: 'TOKEN_UNAVAILABLE',
        message: expect.stringMatching(/within 15000 ms.*the vault is sealed/),
      })
    }
    expect(it.credential.requests - requests).toBeLessThan(15)
    expect(it.credential.mostInFlight).toBe(1)
  })

  it('waiting work continues within 2 s of the credential’s recovery', async () => {
    const it = await failing()
    await it.clock.advance(58 * MINUTE + 1)
    const failures = waiting(it, 50)
    await it.clock.advance(5_000)
    it.credential.recover()
    await it.clock.advance(2_000)
    expect([failures, it.pool.stats()]).toMatchObject([[], { connectionsOpen: 10, inFlight: 10, waiting: 40 }])
    expect(it.credential.mostInFlight).toBe(1)
  })

  it('no token is requested once no work waits and no connection is open', async () => {
    const it = await failing()
    await it.clock.advance(HOUR)
    expect(it.pool.stats()).toMatchObject({ connectionsOpen: 0, waiting: 0 })
    const { requests } = it.credential
    await it.clock.advance(24 * HOUR)
    expect([it.credential.requests, it.clock.timers]).toEqual([requests, 0])
  })
})

describe('a pool that never had a token', () => {
  it('works as soon as its credential does', async () => {
    const it = setUp()
    it.credential.answer(sealed())
    const work = acquire(it, 2_000)
    expect((await work).number).toBe(1)
  })
})
