import { describe, expect, it } from 'vitest'
import { EntraError } from '../../src/errors/entra-error.ts'
import type { FakeConnection } from '../support/fake-server.ts'
import { acquire, HOUR, MINUTE, setUp } from './support.ts'

const refused = () => new EntraError('DATABASE_UNAVAILABLE', 'Not now.', { number: 40613 })

/** Has `count` connections open and busy until the clock says otherwise. */
async function busy(it: ReturnType<typeof setUp>, count: number): Promise<FakeConnection[]> {
  const connections: FakeConnection[] = []
  for (let n = 0; n < count; n++) connections.push(await acquire(it))
  return connections
}

/** A steady load: `workers` pieces of work of 5 s each, until `it.clock` has moved by `ms`. */
async function load(it: ReturnType<typeof setUp>, workers: number, ms: number): Promise<number[]> {
  const waits: number[] = []
  const until = it.clock.now() + ms
  const work = async () => {
    while (it.clock.now() < until) {
      const asked = it.clock.now()
      const connection = await it.pool.acquire()
      waits.push(it.clock.now() - asked)
      await it.server.wait(5_000)
      expect(connection.lease.timeLeft).toBeGreaterThan(0)
      it.pool.release(connection)
    }
  }
  const all = Promise.all(Array.from({ length: workers }, work))
  await it.clock.advance(ms + 5_000)
  await all
  return waits
}

/** A pool whose one connection is past its deadline, because no replacement could be opened. */
async function unableToRotate(error: () => EntraError) {
  const made = setUp({ min: 1 })
  made.pool.release(await acquire(made))
  made.server.onLogin = () => {
    throw error()
  }
  await made.clock.advance(58 * MINUTE + 1_000)
  return made
}

describe('a rotation', () => {
  it('begins at a random time after a new token and finishes before the old token expires', async () => {
    const it = setUp()
    await load(it, 2, 65 * MINUTE)
    const types = it.events.map(({ type }) => type)
    expect(types.filter((type) => type.startsWith('rotation'))).toEqual(['rotation.started', 'rotation.finished'])
    const started = it.events.find(({ type }) => type === 'rotation.started')
    // The next token comes between 50 and 52 min; half of what is left until the deadline, by the chance of one half.
    const minutes = ((started?.at ?? 0) - Date.UTC(2026, 0, 1)) / MINUTE
    expect(minutes).toBeGreaterThan(52)
    expect(minutes).toBeLessThan(55)
    expect(it.credential.requests).toBe(2)
  })

  it('delays no work even if a login takes seconds', async () => {
    const it = setUp({ max: 6 })
    await load(it, 6, 30 * MINUTE)
    it.server.loginTime = 3_000
    const waits = await load(it, 6, 3 * HOUR)
    expect(Math.max(...waits)).toBe(0)
    expect(it.pool.stats().rotations).toBe(4)
    expect(it.server.mostOpen).toBeLessThanOrEqual(9)
  })

  it('replaces as many connections as were recently busy and closes the others', async () => {
    const it = setUp({ maxIdleConnectionLifetime: 2 * HOUR, max: 5 })
    for (const connection of await busy(it, 5)) it.pool.release(connection)
    await load(it, 2, 52 * MINUTE + 30_000)
    await load(it, 2, 5 * MINUTE)
    expect(it.events).toContainEqual(expect.objectContaining({ type: 'rotation.finished', connections: 2 }))
    expect(it.pool.stats().connectionsOpen).toBe(2)
  })

  it('opens each replacement before it closes the old connection, loginsAtOnce at a time', async () => {
    const it = setUp({ max: 6, loginsAtOnce: 2, maxIdleConnectionLifetime: 2 * HOUR })
    const old = await busy(it, 6)
    it.server.loginTime = 1_000
    await it.clock.advance(56 * MINUTE)
    // Two replacements are open, and two old connections are still lent: there is room for no more.
    expect([it.pool.stats().connectionsOpen, it.server.mostOpen]).toEqual([8, 8])
    for (const connection of old.slice(0, 3)) it.pool.release(connection)
    expect(old.map(({ closedBy }) => closedBy).slice(0, 3)).toEqual(['replaced', 'replaced', undefined])
    await it.clock.advance(10_000)
    for (const connection of old.slice(3)) it.pool.release(connection)
    await it.clock.advance(10_000)
    expect(it.pool.stats()).toMatchObject({ connectionsOpen: 6, rotations: 1 })
    expect(it.server.mostOpen).toBe(8)
    expect(old.every(({ closedBy }) => closedBy === 'replaced')).toBe(true)
  })

  it('leaves a transaction on its connection and closes that when it is released', async () => {
    const it = setUp()
    const [long] = await busy(it, 1)
    await it.clock.advance(57 * MINUTE)
    expect([it.pool.stats().rotations, long?.closedBy]).toEqual([1, undefined])
    it.pool.release(long as FakeConnection)
    expect(long?.closedBy).toBe('replaced')
  })

  it('makes no login and no token request while no connection is open', async () => {
    const it = setUp()
    it.pool.release(await acquire(it))
    await it.clock.advance(30_000)
    expect(it.pool.stats().connectionsOpen).toBe(0)
    await it.clock.advance(24 * HOUR)
    expect([it.server.logins, it.credential.requests, it.clock.timers]).toEqual([1, 1, 0])
  })

  it('never replaces a connection with one on the same token', async () => {
    const it = setUp({ maxIdleConnectionLifetime: 2 * HOUR })
    const same = it.credential.token('same', HOUR)
    it.credential.answer(...Array.from({ length: 40 }, () => same))
    it.pool.release(await acquire(it))
    await it.clock.advance(57 * MINUTE)
    expect([it.server.logins, it.pool.stats().rotations]).toEqual([1, 0])
    expect(it.credential.requests).toBeGreaterThan(2)
  })

  it('retries while the old token is valid if the server accepts no logins', async () => {
    const it = setUp()
    const loading = load(it, 1, 57 * MINUTE)
    await it.clock.advance(0)
    it.server.onLogin = () => {
      throw refused()
    }
    await loading
    const failed = it.events.filter(({ type }) => type === 'rotation.failed')
    expect(failed.length).toBeGreaterThan(2)
    expect(it.pool.stats().connectionsOpen).toBe(1)
    it.server.onLogin = () => {}
    await load(it, 1, 60_000)
    expect(it.pool.stats().rotations).toBe(1)
  })

  it('opens no replacement if no connection was busy for a minute', async () => {
    const it = setUp({ maxIdleConnectionLifetime: 2 * HOUR })
    for (const connection of await busy(it, 8)) it.pool.release(connection)
    await it.clock.advance(58 * MINUTE)
    expect(it.events).toContainEqual(expect.objectContaining({ type: 'rotation.finished', connections: 0 }))
    expect([it.pool.stats().connectionsOpen, it.server.logins]).toEqual([0, 8])
  })

  it('that could not log in by the deadline makes new work wait for connectRetryTimeout and fail with the reason', async () => {
    const it = await unableToRotate(() => refused())
    expect(it.server.open.size).toBe(0)
    const failed = Promise.resolve(it.pool.acquire()).catch((error: unknown) => error)
    await it.clock.advance(59_999)
    expect(it.pool.stats().waiting).toBe(1)
    await it.clock.advance(1)
    expect(await failed).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
  })

  it('that could not log in by the deadline needs no new token once the server is back', async () => {
    const it = await unableToRotate(() => refused())
    it.server.onLogin = () => {}
    await acquire(it, 5_000)
    expect([it.credential.requests, it.pool.stats().connectionsOpen]).toEqual([2, 1])
  })

  it('that fails permanently makes new work fail at once after the deadline', async () => {
    const it = await unableToRotate(() => new EntraError('FIREWALL', 'Closed.', { number: 40615 }))
    const failed = Promise.resolve(it.pool.acquire()).catch((error: unknown) => error)
    await it.clock.advance(2_000)
    expect(await failed).toMatchObject({ code: 'FIREWALL' })
  })

  it('replaces connections older than maxAge, with the same token', async () => {
    const it = setUp({ maxAge: 60_000 })
    await load(it, 1, 58_000)
    expect(it.events).toContainEqual(expect.objectContaining({ type: 'rotation.finished', reason: 'max-age' }))
    expect([it.server.logins, it.credential.requests]).toEqual([2, 1])
  })

  it('keeps a replacement that logged in while another token came, until that one has its own rotation', async () => {
    // The next token comes after 51 min, in the middle of a login that begins as the connection reaches its age.
    const it = setUp({ maxAge: (51 * MINUTE - 500) / 0.95, maxIdleConnectionLifetime: 2 * HOUR })
    const lent = await acquire(it)
    it.server.loginTime = 1_000
    await it.clock.advance(51 * MINUTE + 600)
    const [, replacement] = [...it.server.open]
    expect([it.credential.requests, replacement?.lease.token, replacement?.closedBy]).toEqual([2, 'token-1', undefined])
    await it.clock.advance(8 * MINUTE)
    expect(replacement?.closedBy).toBe('replaced')
    const reasons = it.events.flatMap((event) => (event.type === 'rotation.started' ? [event.reason] : []))
    expect(reasons).toEqual(['max-age', 'token'])
    it.pool.release(lent)
  })

  it('begins at once if the server ended a session because of its token', async () => {
    const it = setUp()
    const connection = await acquire(it)
    connection.close('unusable')
    const other = await acquire(it)
    it.pool.refused(other.lease, new EntraError('SESSION_TOKEN_EXPIRED', 'It has expired.'))
    await it.clock.advance(0)
    it.pool.release(other)
    await it.clock.advance(0)
    expect(it.events).toContainEqual(expect.objectContaining({ type: 'rotation.started', reason: 'refused' }))
    expect([it.credential.requests, other.closedBy]).toEqual([2, 'replaced'])
  })
})

describe('a rotation that fails past the deadline', () => {
  it('is retried soon, so that the next token’s rotation does not wait for it', async () => {
    const it = setUp({ maxIdleConnectionLifetime: HOUR })
    await it.pool.acquire()
    it.server.onLogin = () => {
      throw refused()
    }
    await it.clock.advance(HOUR - 10_000)
    const deadline = it.clock.now() - 110_000
    const waits = it.events.flatMap((event) =>
      event.type === 'rotation.failed' && event.at > deadline ? [event.retryInMs] : [],
    )
    expect(waits.length).toBeGreaterThan(10)
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_000)
  })
})
