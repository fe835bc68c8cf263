import { describe, expect, it } from 'vitest'
import { defaultRotationTiming, poolSettings } from '../../src/pool/settings.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { acquire, numbers, setUp } from './support.ts'

/** Time goes by with each look at it, as it does in fact. */
class TickingClock extends VirtualClock {
  #looks = 0

  override monotonic(): number {
    return super.monotonic() + ++this.#looks / 1_000
  }
}

describe('a connection', () => {
  it('is lent without a round trip within 500 ms of its last use', async () => {
    const it = setUp()
    const connection = await acquire(it)
    for (let use = 0; use < 10; use++) {
      it.pool.release(connection)
      await it.clock.advance(500)
      expect(await it.pool.acquire()).toBe(connection)
    }
    expect(connection.validations).toBe(0)
  })

  it('is validated before it is lent if it was idle for more than 500 ms', async () => {
    const it = setUp()
    const connection = await acquire(it)
    it.pool.release(connection)
    await it.clock.advance(501)
    expect(numbers([await acquire(it)])).toEqual([1])
    expect(connection.validations).toBe(1)
  })

  it('is closed if it does not answer, and another is opened in its place', async () => {
    const it = setUp()
    const connection = await acquire(it)
    it.pool.release(connection)
    connection.answers = false
    await it.clock.advance(501)
    const next = acquire(it, 5_000)
    expect(numbers([await next])).toEqual([2])
    expect(connection.closedBy).toBe('unusable')
  })

  it('that does not answer within a second delays work by no more than a login', async () => {
    const it = setUp()
    const connection = await acquire(it)
    it.pool.release(connection)
    connection.answers = false
    await it.clock.advance(501)
    const next = Promise.resolve(it.pool.acquire())
    await it.clock.advance(999)
    expect(it.server.logins).toBe(1)
    await it.clock.advance(1)
    expect(numbers([await next])).toEqual([2])
  })

  it('that has just answered is lent, however short validateAfter is', async () => {
    const it = setUp({ validateAfter: 0 }, { clock: new TickingClock() })
    const connection = await acquire(it)
    expect(connection.validations).toBe(0)
    it.pool.release(connection)
    expect(numbers([await acquire(it)])).toEqual([1])
    expect(connection.validations).toBe(1)
  })

  it('that is lost during validation delays work by no more than a login', async () => {
    const it = setUp()
    const connection = await acquire(it)
    it.pool.release(connection)
    it.server.roundTrip = 100
    await it.clock.advance(501)
    const next = Promise.resolve(it.pool.acquire())
    await it.clock.advance(50)
    connection.drop()
    await it.clock.advance(50)
    expect([it.server.logins, it.pool.stats().waiting]).toEqual([2, 0])
    expect(numbers([await next])).toEqual([2])
  })

  it('is validated exactly once per loan if validateConnection is true', async () => {
    const it = setUp(poolSettings({ server: 'h', validateConnection: true } as never, defaultRotationTiming))
    const connection = await acquire(it)
    for (let use = 1; use <= 3; use++) {
      it.pool.release(connection)
      await acquire(it)
      expect(connection.validations).toBe(use)
    }
  })

  it('is never validated if validateConnection is false', async () => {
    const it = setUp(poolSettings({ server: 'h', validateConnection: false } as never, defaultRotationTiming))
    const connection = await acquire(it)
    it.pool.release(connection)
    it.pool.suspect()
    await it.clock.advance(20_000)
    expect(await it.pool.acquire()).toBe(connection)
    expect(connection.validations).toBe(0)
  })
})

describe('after one connection was lost, the pool', () => {
  it('validates every idle connection before it lends it, however recently it was used', async () => {
    const it = setUp()
    const [first, second] = [await acquire(it), await acquire(it)]
    it.pool.release(second)
    first.drop()
    await it.clock.advance(0)
    expect(numbers([await acquire(it)])).toEqual([2])
    expect([second.validations, it.events.at(-1)]).toMatchObject([1, { type: 'connection.closed', reason: 'lost' }])
  })

  it('does not validate a connection again that has answered', async () => {
    const it = setUp()
    const connection = await acquire(it)
    it.pool.release(connection)
    it.pool.suspect()
    for (let use = 0; use < 3; use++) it.pool.release(await acquire(it))
    expect(connection.validations).toBe(1)
  })

  it('validates no more connections than waiting work needs', async () => {
    const it = setUp()
    const all = [await acquire(it), await acquire(it), await acquire(it)]
    for (const connection of all) it.pool.release(connection)
    it.pool.suspect()
    await acquire(it)
    expect(all.map(({ validations }) => validations)).toEqual([0, 0, 1])
  })
})

describe('warmUp()', () => {
  it('replaces a connection that died in a freeze', async () => {
    const it = setUp()
    const connection = await acquire(it)
    it.pool.release(connection)
    connection.answers = false
    it.pool.suspect()
    const warm = it.pool.connect()
    await it.clock.advance(5_000)
    await warm
    expect([connection.closedBy, it.pool.stats().connectionsOpen]).toEqual(['unusable', 1])
  })

  it('opens one connection, however often it is called, and work that arrives meanwhile uses it', async () => {
    const it = setUp()
    it.server.loginTime = 100
    it.pool.suspect()
    const warm = Promise.all([it.pool.connect(), it.pool.connect(), it.pool.connect()])
    const work = Promise.resolve(it.pool.acquire())
    await it.clock.advance(1_000)
    await Promise.all([warm, work])
    expect([it.credential.requests, it.server.logins]).toEqual([1, 1])
  })
})
