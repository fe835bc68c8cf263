import { describe, expect, it } from 'vitest'
import { EntraError } from '../../src/errors.ts'
import { RotatingAdapter } from '../../src/rotation/rotating-adapter.ts'
import { Rotation } from '../../src/rotation/rotation.ts'
import { defaultRotationTiming } from '../../src/rotation/rotation-policy.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { FakeCredential } from '../support/fake-credential.ts'
import { FakePools } from '../support/fake-pools.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const second = 1_000
const minute = 60 * second
const MAX = 10

async function setUp() {
  const clock = new VirtualClock()
  const credential = new FakeCredential(clock)
  const random = () => 0
  const tokenSource = new TokenSource(credential, { scope: 'scope', clock, random })
  const pools = new FakePools(clock)
  const timing = defaultRotationTiming
  const rotation = new Rotation({ tokenSource, open: pools.open, timing, clock, random, emit: () => {} })
  const adapter = new RotatingAdapter('test', rotation, clock, () => {})
  const query = (sql: string) => adapter.queryRaw({ sql, args: [], argTypes: [] }).then(({ rows }) => rows[0]?.[0])
  const starting = rotation.start()
  await clock.advance(0)
  await starting
  /** Holds every connection of the current generation. */
  const holdAll = async () => {
    const beginning = Promise.all(Array.from({ length: MAX }, () => adapter.startTransaction()))
    await clock.advance(0)
    return beginning
  }
  return { clock, credential, pools, rotation, adapter, query, holdAll }
}

describe('work that finds every connection at work', () => {
  it('is let in first come, first served, and asks no more of the pool than it has', async () => {
    const { clock, pools, rotation, query, holdAll } = await setUp()
    const [first] = await holdAll()
    const done: string[] = []
    for (const sql of ['a', 'b', 'c']) void query(sql).then(() => done.push(sql))
    await clock.advance(second)
    expect([rotation.current?.inFlight, rotation.waiting]).toEqual([MAX, 3])
    expect(pools.statements.map(({ sql }) => sql)).not.toContain('a')
    const commit = first?.commit()
    await clock.advance(0)
    await commit
    await clock.advance(0)
    expect(done).toEqual(['a', 'b', 'c'])
    expect(rotation.waiting).toBe(0)
  })

  it('waits behind work that is run again', async () => {
    const { clock, pools, query } = await setUp()
    const done: string[] = []
    pools.failStatements('again', new EntraError('SESSION_TOKEN_EXPIRED', 'expired'))
    const running = ['again', ...Array.from({ length: 2 * MAX }, (_, i) => `after ${i}`)].map(async (sql) => {
      await query(sql)
      done.push(sql)
    })
    await clock.advance(second)
    await Promise.all(running)
    const ran = pools.statements.map(({ sql }) => sql)
    // Those that the new generation took at once are before it, but not those that wait for a place in it.
    expect(ran.lastIndexOf('again')).toBeLessThan(ran.indexOf(`after ${2 * MAX - 1}`))
  })

  it('enters the next generation when a rotation comes', async () => {
    const { clock, rotation, query, holdAll } = await setUp()
    await clock.advance(50 * minute - second)
    await holdAll()
    const waiting = query('a')
    await clock.advance(2 * second)
    expect(await waiting).toBe(2)
    expect(rotation.draining).toHaveLength(1)
  })

  it('has one that fails after the pool’s own time say so', async () => {
    const { clock, rotation, query, holdAll } = await setUp()
    await holdAll()
    const failing = expect(query('a')).rejects.toMatchObject({
      code: 'CONNECT_TIMEOUT',
      message: expect.stringMatching(/within 30000 ms.*All 10 connections.*at work/),
    })
    await clock.advance(30 * second)
    await failing
    expect(rotation.waiting).toBe(0)
  })

  it('is told of the busy pool, not of a server that took no login before', async () => {
    const { clock, adapter, pools, query, holdAll } = await setUp()
    pools.failStatements('first', new EntraError('LOGIN_FAILED', 'full', { number: 10928 }))
    const [pool] = pools.opened
    if (pool) pool.warmed = 1
    pools.loginsFail = true
    const first = query('first')
    await clock.advance(second)
    pools.loginsFail = false
    await first
    await holdAll()
    const failing = expect(query('a')).rejects.toMatchObject({ code: 'CONNECT_TIMEOUT' })
    await clock.advance(minute)
    await failing
    void adapter.dispose()
  })

  it('gets a new token where the one in use comes to its end meanwhile', async () => {
    const { clock, credential, query, holdAll } = await setUp()
    await clock.advance(50 * minute - second)
    credential.answer(...Array.from({ length: 99 }, () => new Error('down')))
    await clock.advance(8 * minute)
    await holdAll()
    const waiting = query('a')
    credential.recover()
    await clock.advance(20 * second)
    expect(await waiting).toBe(2)
  })

  it('is sent away at $disconnect, and leaves no timer', async () => {
    const { clock, adapter, query, holdAll } = await setUp()
    await holdAll()
    const failing = expect(query('a')).rejects.toMatchObject({ code: 'CLOSED' })
    const disposing = adapter.dispose()
    await failing
    await clock.advance(10 * second)
    await disposing
    expect(clock.timers).toBe(0)
    await expect(query('b')).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('work that a server takes no login for', () => {
  it('is not let in to log in one by one after a refused token could not be replaced', async () => {
    const { clock, pools, rotation, query } = await setUp()
    const refused = () => new EntraError('LOGIN_FAILED', 'no', { number: 18456 })
    const [pool] = pools.opened
    if (pool) pool.warmed = 1
    const holding = query('after 20000')
    await clock.advance(0)
    pools.loginsFail = true
    pools.failStatements('login', ...Array.from({ length: 99 }, refused))
    pools.failures.push(...Array.from({ length: 99 }, refused))
    const running = Array.from({ length: 9 }, () => query('login').catch(() => {}))
    await clock.advance(0)
    const logins = pools.statements.filter(({ sql }) => sql === 'login').length
    for (let i = 0; i < 40; i++) running.push(query('login').catch(() => {}))
    await clock.advance(4 * second)
    expect(rotation.waiting).toBeGreaterThan(30)
    expect(pools.statements.filter(({ sql }) => sql === 'login').length - logins).toBeLessThan(4)
    await clock.advance(2 * minute)
    await Promise.all([holding, ...running])
  })

  const full = () => new EntraError('LOGIN_FAILED', 'full', { number: 10928 })

  it('runs on the connections that there are, without waiting for the next try', async () => {
    const { clock, pools, query } = await setUp()
    const [pool] = pools.opened
    if (pool) pool.warmed = 3
    pools.loginsFail = true
    pools.failStatements('after 100', ...Array.from({ length: 7 }, full))
    const running = Promise.all(Array.from({ length: 50 }, () => query('after 100')))
    await clock.advance(3 * second)
    expect(await running).toHaveLength(50)
    expect(pools.statements.filter(({ sql }) => sql === 'after 100')).toHaveLength(57)
  })
})
