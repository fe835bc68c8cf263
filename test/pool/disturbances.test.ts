import { describe, expect, it } from 'vitest'
import { ClientAdapter } from '../../src/client/client-adapter.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { acquire, MINUTE, query, setUp } from './support.ts'

/** What the simulation has found, each in its shortest form. */

const paused = () => {
  throw new EntraError('DATABASE_UNAVAILABLE', 'Not now.', { number: 40613 })
}

describe('minPoolSize', () => {
  it('is kept even if all connections are idle for too long at the same time', async () => {
    const it = setUp({ min: 2, max: 5 })
    const connections = []
    for (let n = 0; n < 5; n++) connections.push(await acquire(it))
    for (const connection of connections) it.pool.release(connection)
    await it.clock.advance(31_000)
    expect(it.server.open.size).toBe(2)
  })

  it('does not count a connection that already has a replacement', async () => {
    const it = setUp({ min: 1 })
    await acquire(it)
    await it.clock.advance(58 * MINUTE)
    expect(it.pool.stats()).toMatchObject({ rotations: 1, connectionsOpen: 2, inFlight: 1 })
    await it.clock.advance(MINUTE)
    expect(it.pool.stats()).toMatchObject({ connectionsOpen: 2, inFlight: 1 })
  })
})

describe('a rotation that failed', () => {
  it('is not retried early even if connections are older than maxAge', async () => {
    const it = setUp({ maxAge: MINUTE, min: 1 })
    it.pool.release(await acquire(it))
    it.server.loginTime = 10
    it.server.onLogin = paused
    await it.clock.advance(3 * MINUTE)
    expect(it.server.logins).toBeGreaterThan(3)
    expect(it.server.logins).toBeLessThan(12)
  })

  it('retries with one login for all connections', async () => {
    const it = setUp({ maxAge: MINUTE, min: 3 })
    for (const connection of [await acquire(it), await acquire(it), await acquire(it)]) it.pool.release(connection)
    it.server.loginTime = 10
    it.server.onLogin = paused
    const failures = () => it.events.filter(({ type }) => type === 'rotation.failed').length
    while (failures() < 3) await it.clock.advance(100)
    expect(it.server.logins).toBe(3 + 3 + 1 + 1)
  })
})

describe('a rotation', () => {
  it('stops logging in once all the connections it was replacing are lost', async () => {
    const it = setUp({ maxAge: MINUTE, min: 3, loginsAtOnce: 1 })
    const connections = [await acquire(it), await acquire(it), await acquire(it)]
    for (const connection of connections) it.pool.release(connection)
    it.server.loginTime = 5_000
    await it.clock.advance(MINUTE)
    expect(it.server.logins).toBe(4)
    for (const connection of connections) connection.drop()
    await it.clock.advance(MINUTE / 2)
    expect(it.server.logins).toBe(4)
  })
})

describe('a replacement', () => {
  it('is abandoned, and no token requested, if its connection closes while it waits for a token', async () => {
    const it = setUp({ maxAge: 62 * MINUTE, sessionsOutliveTokens: true })
    await acquire(it)
    it.credential.answer(...Array.from({ length: 1_000 }, () => new Error('No authority.')))
    await it.clock.advance(59 * MINUTE)
    const [connection] = it.server.open
    connection?.drop()
    await it.clock.advance(0)
    const { requests } = it.credential
    await it.clock.advance(10 * MINUTE)
    expect(requests).toBeGreaterThan(1)
    expect([it.credential.requests, it.clock.timers]).toEqual([requests, 0])
  })
})

describe('validation', () => {
  it('is repeated if a connection was idle since the last one', async () => {
    const it = setUp()
    const [first, second] = [await acquire(it), await acquire(it)]
    it.pool.release(first)
    await it.clock.advance(1_000)
    it.server.roundTrip = 100
    const work = Promise.resolve(it.pool.acquire())
    await it.clock.advance(50)
    it.pool.release(second)
    await it.clock.advance(50)
    expect(await work).toBe(second)
    expect(first.validations).toBe(1)
    await it.clock.advance(10_000)
    expect(await acquire(it, 100)).toBe(first)
    expect(first.validations).toBe(2)
  })

  it('happens after a transaction that the server has ended and whose ROLLBACK is not sent', async () => {
    const it = setUp()
    const adapter = new ClientAdapter(it.pool, { supportsRelationJoins: false }, () => {})
    const transaction = await adapter.startTransaction()
    const [connection] = it.server.open
    if (connection === undefined) return expect.unreachable()
    connection.inTransaction = false
    await it.clock.advance(5_000)
    connection.failures.push(Object.assign(new Error('Transaction has been aborted.'), { code: 'EABORT' }))
    await expect(transaction.rollback()).rejects.toThrow()
    await adapter.queryRaw(query('after 0'))
    expect([connection.validations, it.server.logins]).toEqual([1, 1])
  })
})

describe('a client that cannot connect', () => {
  it('leaves no early token request behind', async () => {
    const it = setUp()
    await it.source.get()
    await it.clock.advance(54 * MINUTE)
    it.credential.answer('hang')
    it.server.onLogin = () => {
      throw new EntraError('PRINCIPAL_UNKNOWN', 'No user.', { number: 18456 })
    }
    await expect(it.pool.connect()).rejects.toThrow('No user.')
    expect(it.credential.requests).toBe(2)
    await it.pool.close()
    expect([it.clock.timers, it.credential.aborted]).toEqual([0, 1])
  })
})

describe('a new token', () => {
  it('is not requested again by the first subscriber that learns of it', async () => {
    const it = setUp()
    it.source.subscribe(() => void it.source.get())
    await it.source.get()
    await it.clock.advance(1_000)
    expect(it.credential.requests).toBe(1)
  })
})
