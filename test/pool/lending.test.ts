import { describe, expect, it } from 'vitest'
import type { EntraError } from '../../src/errors/entra-error.ts'
import { Queue } from '../../src/pool/queue.ts'
import { Stopwatch } from '../../src/time/clock.ts'
import type { FakeConnection } from '../support/fake-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { acquire, HOUR, numbers, setUp } from './support.ts'

describe('a pool', () => {
  it('opens no connection and requests no token before the first work arrives', async () => {
    const { clock, server, credential } = setUp()
    await clock.advance(HOUR)
    expect([server.logins, credential.requests, clock.timers]).toEqual([0, 0, 0])
  })

  it('lends the connection that was used last', async () => {
    const it = setUp()
    const [first, second] = [await acquire(it), await acquire(it)]
    it.pool.release(second)
    it.pool.release(first)
    expect(await it.pool.acquire()).toBe(first)
    expect(await it.pool.acquire()).toBe(second)
    expect(it.server.logins).toBe(2)
  })

  it('opens at most max connections and serves waiting work in order of arrival', async () => {
    const it = setUp({ max: 2 })
    const served: number[] = []
    const work = [1, 2, 3, 4].map(async (number) => {
      const connection = await it.pool.acquire()
      served.push(number)
      return connection
    })
    await it.clock.advance(0)
    expect([served, it.pool.stats()]).toMatchObject([[1, 2], { connectionsOpen: 2, inFlight: 2, waiting: 2 }])
    it.pool.release(await (work[1] as Promise<never>))
    await it.clock.advance(0)
    it.pool.release(await (work[0] as Promise<never>))
    await it.clock.advance(0)
    expect([served, it.server.logins, it.server.mostOpen]).toEqual([[1, 2, 3, 4], 2, 2])
  })

  it('puts work that did not run back at the head of the queue', async () => {
    const it = setUp({ max: 1 })
    const connection = await acquire(it)
    const served: string[] = []
    const first = Promise.resolve(it.pool.acquire()).then((lent) => {
      served.push('first')
      it.pool.release(lent)
    })
    const again = Promise.resolve(it.pool.acquire(new Stopwatch(it.clock))).then((lent) => {
      served.push('again')
      it.pool.release(lent)
    })
    it.pool.release(connection)
    await it.clock.advance(0)
    await Promise.all([first, again])
    expect(served).toEqual(['again', 'first'])
  })

  it('fails work for which no connection was free within poolTimeout', async () => {
    const it = setUp({ max: 1, poolTimeout: 2_000 })
    await acquire(it)
    const late = Promise.resolve(it.pool.acquire()).catch((error: unknown) => error)
    await it.clock.advance(1_999)
    expect(it.pool.stats().waiting).toBe(1)
    await it.clock.advance(1)
    expect(await late).toMatchObject({ code: 'CONNECT_TIMEOUT', message: expect.stringContaining('All 1 connections') })
  })

  it('counts what work has waited for a busy connection towards its wait for a login', async () => {
    const clock = new VirtualClock()
    const error = () => new Error('Waited too long.')
    const limits = [{ timeout: 60_000, whileServed: true as const, error }]
    const queue = new Queue<never>(
      clock,
      5_000,
      () => limits[0] ?? { timeout: 30_000, error },
      () => {},
    )
    const work = queue.join().catch(({ message }: Error) => message)
    await clock.advance(20_000)
    limits.pop()
    await clock.advance(9_999)
    expect(queue.length).toBe(1)
    await clock.advance(1)
    expect([queue.length, await work]).toEqual([0, 'Waited too long.'])
  })

  it('does not count time in which the process was frozen towards poolTimeout', async () => {
    const it = setUp({ max: 1, poolTimeout: 10_000 })
    await acquire(it)
    const waiting = Promise.resolve(it.pool.acquire())
    it.clock.jump(2 * HOUR)
    await it.clock.advance(1_000)
    // The first one was cut off at its token's end.
    expect(numbers([await waiting])).toEqual([2])
  })

  it('does not lend a connection that was released inside a transaction', async () => {
    const it = setUp()
    const connection = await acquire(it)
    connection.inTransaction = true
    it.pool.release(connection)
    expect(numbers([await acquire(it)])).toEqual([2])
    expect(connection.closedBy).toBe('unusable')
  })

  it('does not lend a connection whose session reported that it is moving', async () => {
    const it = setUp()
    const connection = await acquire(it)
    it.pool.release(connection)
    connection.isMoving = true
    expect(numbers([await acquire(it)])).toEqual([2])
    expect(connection.closedBy).toBe('unusable')
  })

  it('does not lend a connection after its deadline, and closes it if it is idle', async () => {
    const it = setUp({ maxIdleConnectionLifetime: 2 * HOUR, spread: 1 }, { random: 1 })
    it.credential.answer(it.credential.token('only', HOUR), new Error('down'))
    const connection = await acquire(it)
    const other = await acquire(it)
    it.pool.release(other)
    // The deadline is two minutes before the end.
    await it.clock.advance(58 * 60_000 - 1)
    expect([connection.closedBy, other.closedBy]).toEqual([undefined, undefined])
    await it.clock.advance(1)
    expect([connection.closedBy, other.closedBy]).toEqual([undefined, 'expired'])
    it.pool.release(connection)
    expect(connection.closedBy).toBe('replaced')
  })

  it('closes a connection when its token expires, even if work runs on it', async () => {
    const it = setUp({}, { random: 1 })
    it.credential.answer(it.credential.token('only', HOUR))
    const connection = await acquire(it)
    await it.clock.advance(HOUR - 1)
    expect(connection.closedBy).toBeUndefined()
    await it.clock.advance(1)
    expect(connection.closedBy).toBe('expired')
    expect(it.events.at(-1)).toMatchObject({ type: 'connection.closed', reason: 'expired', ageMs: HOUR })
  })

  it('lets work run past the expiry of its token if sessions may outlive tokens', async () => {
    const it = setUp({ sessionsOutliveTokens: true })
    const connection = await acquire(it)
    await it.clock.advance(2 * HOUR)
    expect(connection.closedBy).toBeUndefined()
    it.pool.release(connection)
    expect(connection.closedBy).toBe('replaced')
  })

  it('keeps min connections open even if more of them expire as idle at the same moment', async () => {
    const it = setUp({ min: 2, maxIdleConnectionLifetime: 30_000 })
    const lent = await Promise.all(Array.from({ length: 4 }, () => acquire(it)))
    for (const connection of lent) it.pool.release(connection)
    await it.clock.advance(60_000)
    expect(it.pool.stats().connectionsOpen).toBe(2)
  })

  it('closes connections that were idle for maxIdleConnectionLifetime, down to min', async () => {
    const it = setUp({ min: 1, maxIdleConnectionLifetime: 30_000 })
    const [first, second] = [await acquire(it), await acquire(it)]
    it.pool.release(first)
    await it.clock.advance(10_000)
    it.pool.release(second)
    await it.clock.advance(19_999)
    expect(it.pool.stats().connectionsOpen).toBe(2)
    await it.clock.advance(1)
    expect([first.closedBy, it.pool.stats().connectionsOpen]).toEqual(['idle', 1])
    await it.clock.advance(120_000)
    expect(it.pool.stats().connectionsOpen).toBe(1)
  })

  it('does not lend an expired connection after a freeze, even before any timer has run', async () => {
    const it = setUp({ maxIdleConnectionLifetime: 5 * HOUR })
    const connection = await acquire(it)
    it.pool.release(connection)
    it.clock.jump(2 * HOUR)
    const next = await acquire(it)
    expect([next.number, connection.closedBy, it.credential.requests]).toEqual([2, 'expired', 2])
    expect(next.lease.timeLeft).toBeGreaterThan(0)
  })
})

describe('closing a pool', () => {
  it('fails waiting work and lets running work continue for the disconnect timeout', async () => {
    const it = setUp({ max: 1, disconnectTimeout: 5_000 })
    const connection = await acquire(it)
    const waiting = Promise.resolve(it.pool.acquire()).catch((error: EntraError) => error.code)
    let closed = false
    const closing = it.pool.close().then(() => {
      closed = true
    })
    expect(await waiting).toBe('CLOSED')
    await it.clock.advance(4_999)
    expect([closed, connection.closedBy]).toEqual([false, undefined])
    await it.clock.advance(1)
    await closing
    expect([connection.closedBy, it.server.open.size, it.clock.timers]).toEqual(['disconnected', 0, 0])
    await expect(it.pool.acquire()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('finishes as soon as the last connection is released', async () => {
    const it = setUp()
    const connection = await acquire(it)
    const closing = it.pool.close()
    it.pool.release(connection)
    await closing
    expect([connection.closedBy, it.clock.timers]).toEqual(['disconnected', 0])
  })

  it('aborts a login and the wait for a token', async () => {
    const slow = setUp()
    slow.server.loginTime = 60_000
    const login = Promise.resolve(slow.pool.acquire()).catch((error: EntraError) => error.code)
    await slow.clock.advance(1_000)
    await slow.pool.close()
    expect([await login, slow.server.open.size, slow.clock.timers]).toEqual(['CLOSED', 0, 0])

    const silent = setUp()
    silent.credential.answer('hang')
    const token = Promise.resolve(silent.pool.acquire()).catch((error: EntraError) => error.code)
    await silent.clock.advance(1_000)
    await silent.pool.close()
    expect([await token, silent.credential.aborted]).toEqual(['CLOSED', 1])
  })
})

describe('a connection that leads to the wrong server', () => {
  it('is closed with the older ones and those to the same address, each as soon as nothing runs on it', async () => {
    const it = setUp()
    const connections: FakeConnection[] = []
    for (const address of ['10.0.0.3', '10.0.0.1', '10.0.0.1', '10.0.0.2']) {
      it.server.address = address
      connections.push(await acquire(it))
    }
    const [older, wrong, alike, other] = connections as [FakeConnection, FakeConnection, FakeConnection, FakeConnection]
    for (const idle of [older, wrong, other]) it.pool.release(idle)
    it.pool.writes.refused(wrong, new Error())
    expect(connections.map(({ closedBy }) => closedBy)).toEqual(['unusable', 'unusable', undefined, undefined])
    it.pool.release(alike)
    expect(connections.map(({ closedBy }) => closedBy)).toEqual(['unusable', 'unusable', 'unusable', undefined])
    expect(await acquire(it)).toBe(other)
  })
})
