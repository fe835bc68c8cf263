import { describe, expect, it } from 'vitest'
import { EntraError } from '../../src/errors.ts'
import { Generation } from '../../src/rotation/generation.ts'
import { defaultRotationTiming } from '../../src/rotation/rotation-policy.ts'
import { ServerLimit } from '../../src/rotation/server-limit.ts'
import { Lease } from '../../src/token/lease.ts'
import { FakePool, FakePools } from '../support/fake-pools.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const full = new EntraError('LOGIN_FAILED', 'full', { number: 10928 })

/** A generation with so many connections and as much work, whose last login was refused. */
function setUp(connections: number) {
  const clock = new VirtualClock()
  const pools = new FakePools(clock)
  const lease = new Lease('t', { expiresOn: clock.now() + 1e6, refreshAfter: clock.now() + 1e6 }, clock)
  const newGeneration = (id: number) => {
    const pool = new FakePool(id, lease, pools)
    pool.warmed = connections
    return new Generation({
      id,
      lease,
      pool,
      openedAt: clock.now(),
      observer: { onLeft() {}, onIdle() {}, onClosed() {} },
    })
  }
  const generation = newGeneration(1)
  for (let i = 0; i < connections; i++) generation.enter(clock.now())
  pools.loginsFail = true
  const limit = new ServerLimit(defaultRotationTiming, clock, () => 0)
  return { clock, pools, generation, newGeneration, limit }
}

describe('a server that takes no further login', () => {
  it('has work queue for the connections that there are', () => {
    const { generation, limit } = setUp(3)
    expect(limit.admits(generation)).toBe(true)
    expect(limit.refused(generation, full)).toEqual({ retryInMs: 5_000, attempt: 1 })
    expect(limit.admits(generation)).toBe(false)
    generation.leave()
    expect(limit.admits(generation)).toBe(true)
    expect(limit.error).toBe(full)
  })

  it('is asked again by one after growing waits, and said to be full once a wait', async () => {
    const { clock, generation, limit } = setUp(3)
    limit.refused(generation, full)
    expect(limit.refused(generation, full)).toBeUndefined()
    await clock.advance(5_000)
    expect([limit.admits(generation), limit.admits(generation)]).toEqual([true, false])
    expect(limit.refused(generation, full)).toBeUndefined()
    await clock.advance(9_999)
    expect(limit.admits(generation)).toBe(false)
    await clock.advance(1)
    expect([limit.admits(generation), limit.admits(generation)]).toEqual([true, false])
  })

  it('is forgotten as soon as it takes a login, as another generation comes, and where no connection is left', () => {
    const taken = setUp(3)
    taken.limit.refused(taken.generation, full)
    taken.pools.loginsFail = false
    expect(taken.limit.admits(taken.generation)).toBe(true)
    expect(taken.limit.error).toBeUndefined()

    const rotated = setUp(3)
    rotated.limit.refused(rotated.generation, full)
    expect(rotated.limit.admits(rotated.newGeneration(2))).toBe(true)

    const emptied = setUp(3)
    emptied.limit.refused(emptied.generation, full)
    ;(emptied.generation.pool as FakePool).warmed = 0
    expect(emptied.limit.admits(emptied.generation)).toBe(true)
  })
})
