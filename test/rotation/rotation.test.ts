import { describe, expect, it } from 'vitest'
import type { RotationEvent } from '../../src/events.ts'
import { RotatingAdapter } from '../../src/rotation/rotating-adapter.ts'
import { Rotation } from '../../src/rotation/rotation.ts'
import { defaultRotationTiming, type RotationTiming } from '../../src/rotation/rotation-policy.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { FakeCredential } from '../support/fake-credential.ts'
import { FakePools } from '../support/fake-pools.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

function setUp(timing: Partial<RotationTiming> = {}, random = () => 0.5) {
  const clock = new VirtualClock()
  const credential = new FakeCredential(clock)
  const tokenSource = new TokenSource(credential, { scope: 'scope', clock, random, timing: { refreshSpread: 0 } })
  const pools = new FakePools(clock)
  const events: RotationEvent[] = []
  const rotation = new Rotation({
    tokenSource,
    open: pools.open,
    timing: { ...defaultRotationTiming, ...timing },
    clock,
    random,
    emit: (event) => events.push(event),
  })
  const adapter = new RotatingAdapter('test', rotation, clock, () => {})
  const query = (sql: string) => adapter.queryRaw({ sql, args: [], argTypes: [] })
  const start = async () => {
    const started = rotation.start()
    await clock.advance(0)
    await started
  }
  return { clock, credential, tokenSource, pools, events, rotation, adapter, query, start }
}

const types = (events: RotationEvent[]) => events.map(({ type }) => type)

describe('a rotation in the ordinary case', () => {
  it('opens the next generation after the refresh, swaps, and closes the old one', async () => {
    const { clock, pools, events, start } = setUp()
    await start()
    await clock.advance(52 * minute - 1)
    expect(pools.opened).toHaveLength(1)
    await clock.advance(1)
    expect(pools.opened).toHaveLength(2)
    expect(types(events)).toEqual([
      'generation.opened',
      'rotation.started',
      'generation.opened',
      'rotation.finished',
      'generation.closed',
    ])
    expect(events[3]).toMatchObject({ from: 1, to: 2, reason: 'token', durationMs: 0 })
    expect(events[4]).toMatchObject({ generation: 1, reason: 'drained', ageMs: 52 * minute })
  })

  it('goes on for a month with one token request and one pool for each lifetime, and no statement after expiry', async () => {
    const { clock, credential, pools, rotation, query, start } = setUp()
    await start()
    for (let hours = 0; hours < 30 * 24; hours++) {
      const running = query('after 5000')
      await clock.advance(hour)
      await running
    }
    expect(rotation.rotations).toBe(pools.opened.length - 1)
    expect(credential.requests - pools.opened.length).toBeLessThanOrEqual(1)
    expect(pools.opened.filter(({ disposed }) => !disposed)).toHaveLength(1)
    expect(pools.statements.every(({ at, expiresOn }) => at < expiresOn)).toBe(true)
  })

  it('delays no query: the old generation serves until the next one is open and warm', async () => {
    const { clock, pools, query, start } = setUp()
    pools.openDelay = 10 * second
    pools.onWarmUp = () => new Promise((resolve) => clock.setTimer(20 * second, () => resolve()))
    const starting = start()
    await clock.advance(10 * second)
    await starting
    await clock.advance(52 * minute + 5 * second)
    const during = query('after 0')
    await clock.advance(0)
    expect((await during).rows).toEqual([[1]])
    await clock.advance(minute)
    const after = query('after 0')
    await clock.advance(0)
    expect((await after).rows).toEqual([[2]])
  })

  it('warms the next generation as far as the old one was busy', async () => {
    const { clock, pools, query, start } = setUp()
    await start()
    await clock.advance(51 * minute + 50 * second)
    const queries = Array.from({ length: 7 }, () => query('after 100'))
    await clock.advance(minute)
    await Promise.all(queries)
    expect(pools.opened[1]?.warmed).toBe(7)
    await clock.advance(52 * minute)
    expect(pools.opened[2]?.warmed).toBe(0)
  })

  it('lets work that runs on the old generation end there', async () => {
    const { clock, pools, query, start, events } = setUp()
    await start()
    await clock.advance(51 * minute)
    const long = query(`after ${5 * minute}`)
    await clock.advance(4 * minute)
    expect(pools.opened).toHaveLength(2)
    expect(pools.opened[0]?.disposed).toBe(false)
    await clock.advance(minute)
    expect((await long).rows).toEqual([[1]])
    await settle()
    expect(pools.opened[0]?.disposed).toBe(true)
    expect(events.at(-1)).toMatchObject({ type: 'generation.closed', reason: 'drained' })
  })

  it('keeps a transaction on the generation it began on, and counts it once', async () => {
    const { clock, adapter, pools, rotation, start } = setUp()
    await start()
    await clock.advance(51 * minute)
    const beginning = adapter.startTransaction('SERIALIZABLE')
    await clock.advance(0)
    const transaction = await beginning
    await clock.advance(4 * minute)
    expect(rotation.current?.id).toBe(2)
    expect(rotation.draining.map(({ id, inFlight }) => ({ id, inFlight }))).toEqual([{ id: 1, inFlight: 1 }])
    const statement = transaction.executeRaw({ sql: 'UPDATE', args: [], argTypes: [] })
    const commit = transaction.commit()
    await clock.advance(0)
    await clock.advance(0)
    expect(await statement).toBe(1)
    await commit
    await settle()
    expect(pools.statements.map(({ sql, pool }) => `${pool} ${sql}`)).toEqual([
      '1 BEGIN SERIALIZABLE',
      '1 UPDATE',
      '1 COMMIT',
    ])
    expect(rotation.draining).toEqual([])
  })

  it('counts work out when it fails', async () => {
    const { adapter, query, rotation, start } = setUp()
    await start()
    await expect(query('fail')).rejects.toThrow('the statement failed')
    await expect(adapter.executeScript('fail')).rejects.toThrow('the statement failed')
    expect(rotation.current?.inFlight).toBe(0)
  })

  it('is spread at random over the time at hand', async () => {
    const when = async (share: number) => {
      const { clock, events, start } = setUp({}, () => share)
      await start()
      const begun = clock.now()
      await clock.advance(58 * minute)
      return (events.find(({ type }) => type === 'rotation.started')?.at ?? 0) - begun
    }
    expect(await when(0)).toBe(50 * minute)
    expect(await when(0.999)).toBeCloseTo(54 * minute, -4)
  })

  it('replaces a generation at its maximum age, with the same token', async () => {
    const { clock, credential, pools, events, start } = setUp({ maxAge: 10 * minute }, () => 0)
    await start()
    await clock.advance(10 * minute)
    expect(events.at(-1)).toMatchObject({ type: 'generation.closed', generation: 1 })
    expect(events[1]).toMatchObject({ type: 'rotation.started', reason: 'max-age' })
    expect(pools.opened[1]?.lease).toBe(pools.opened[0]?.lease)
    expect(credential.requests).toBe(1)
  })
})

describe('a token at its end', () => {
  it('makes new work wait for the next generation, and one is opened for all', async () => {
    const { clock, credential, pools, query, start } = setUp()
    await start()
    clock.jump(10 * hour)
    const queries = Array.from({ length: 100 }, () => query('after 0'))
    await clock.advance(0)
    await clock.advance(0)
    expect((await Promise.all(queries)).every(({ rows }) => rows[0]?.[0] === 2)).toBe(true)
    expect(pools.opened).toHaveLength(2)
    expect(credential.requests).toBe(2)
  })

  it('cuts what still runs on its connections, and none is left open', async () => {
    const { clock, credential, pools, query, start, events } = setUp()
    await start()
    await clock.advance(49 * minute)
    const long = expect(query(`after ${hour}`)).rejects.toThrow('connection cut')
    credential.lifetime = 2 * hour
    await clock.advance(11 * minute - 1)
    expect(pools.opened[0]?.terminated).toBe(false)
    await clock.advance(1)
    await long
    expect(pools.opened[0]?.terminated).toBe(true)
    expect(events.at(-1)).toMatchObject({ type: 'generation.closed', generation: 1, reason: 'expired' })
  })

  it('lets what runs outlive its token where the user asks for that by name, but nothing new begin on it', async () => {
    const { clock, credential, events, rotation, adapter, query, start } = setUp({ sessionsOutliveTokens: true })
    await start()
    const beginning = adapter.startTransaction()
    const running = query(`after ${2 * hour}`)
    await clock.advance(0)
    const transaction = await beginning
    credential.answer(...Array.from({ length: 9 }, () => new Error('down')))
    await clock.advance(hour + minute)
    expect(types(events)).not.toContain('generation.closed')
    const statement = transaction.executeRaw({ sql: 'UPDATE', args: [], argTypes: [] })
    const fresh = query('after 0')
    await clock.advance(20 * second)
    expect(await statement).toBe(1)
    expect((await fresh).rows).toEqual([[2]])
    expect(rotation.draining.map(({ id }) => id)).toEqual([1])
    await clock.advance(hour)
    expect((await running).rows).toEqual([[1]])
    const commit = transaction.commit()
    await clock.advance(0)
    await commit
    expect(rotation.draining).toEqual([])
  })

  it('ends a transaction at the moment of use when the process slept past it', async () => {
    const { clock, adapter, rotation, start } = setUp()
    await start()
    const beginning = adapter.startTransaction()
    await clock.advance(0)
    const transaction = await beginning
    clock.jump(2 * hour)
    await expect(transaction.queryRaw({ sql: 'SELECT', args: [], argTypes: [] })).rejects.toMatchObject({
      cause: { code: 'TRANSACTION_TOKEN_EXPIRED' },
    })
    const end = transaction.rollback().catch(() => {})
    await clock.advance(0)
    await end
    expect(rotation.current?.inFlight).toBe(0)
  })

  it('fails work that waited as long as it may, with the credential’s reason', async () => {
    const { clock, credential, query, start } = setUp({ waitTimeout: 5 * second })
    await start()
    credential.answer(...Array.from({ length: 100 }, () => new Error('identity endpoint down')))
    clock.jump(2 * hour)
    const waiting = expect(query('after 0')).rejects.toMatchObject({
      code: 'P1000',
      cause: { code: 'TOKEN_UNAVAILABLE' },
      message: expect.stringContaining('identity endpoint down'),
    })
    await clock.advance(5 * second)
    await waiting
  })
})

describe('a next generation that cannot be opened', () => {
  it('leaves the old one in use and is tried again', async () => {
    const { clock, pools, query, events, start } = setUp()
    await start()
    pools.failures.push(new Error('server down'), new Error('server down'))
    await clock.advance(52 * minute)
    expect(events.at(-1)).toMatchObject({ type: 'rotation.failed', error: { message: 'server down' }, retryInMs: 750 })
    const meanwhile = query('after 0')
    await clock.advance(0)
    expect((await meanwhile).rows).toEqual([[1]])
    await clock.advance(10 * second)
    expect(pools.opened).toHaveLength(2)
    expect(events.filter(({ type }) => type === 'rotation.failed')).toHaveLength(2)
  })

  it('is closed when its warm-up fails', async () => {
    const { clock, pools, rotation, query, start } = setUp()
    await start()
    await clock.advance(51 * minute + 50 * second)
    const busy = query('after 10')
    pools.onWarmUp = async () => {
      pools.onWarmUp = undefined
      throw new Error('too many connections')
    }
    await clock.advance(30 * second)
    await busy
    expect(pools.opened[1]).toMatchObject({ disposed: true, terminated: true })
    expect(rotation.current?.pool).toBe(pools.opened[2])
  })

  it('fails the start, and leaves nothing behind', async () => {
    const { clock, pools, rotation } = setUp()
    pools.failures.push(new Error('no such server'))
    const starting = expect(rotation.start()).rejects.toThrow('no such server')
    await clock.advance(0)
    await starting
    expect(clock.timers).toBe(0)
  })
})

describe('stopping', () => {
  it('leaves no timer and no connection, and refuses work', async () => {
    const { clock, pools, adapter, query, events, start } = setUp()
    await start()
    await adapter.dispose()
    await adapter.dispose()
    expect(clock.timers).toBe(0)
    expect(pools.opened[0]?.disposed).toBe(true)
    expect(events.at(-1)).toMatchObject({ type: 'generation.closed', reason: 'disconnected' })
    await expect(query('after 0')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('lets running work end, but for no longer than the disconnect timeout', async () => {
    const { clock, adapter, query, start } = setUp({ disconnectTimeout: 5 * second })
    await start()
    const short = query('after 2000')
    const long = expect(query('after 60000')).rejects.toThrow('connection cut')
    const disposing = adapter.dispose()
    await clock.advance(5 * second)
    await short
    await long
    await disposing
    expect(clock.timers).toBe(0)
  })

  it('in the middle of a rotation leaves nothing open', async () => {
    const { clock, pools, adapter, start } = setUp()
    await start()
    pools.openDelay = minute
    await clock.advance(52 * minute + second)
    await adapter.dispose()
    await clock.advance(2 * minute)
    expect(clock.timers).toBe(0)
    expect(pools.opened.filter(({ disposed }) => !disposed)).toEqual([])
  })

  it('while warming leaves nothing open', async () => {
    const { clock, pools, adapter, query, start } = setUp()
    await start()
    await clock.advance(51 * minute + 50 * second)
    const busy = query('after 10')
    pools.onWarmUp = () => new Promise((resolve) => clock.setTimer(minute, () => resolve()))
    await clock.advance(30 * second)
    await busy
    const disposing = adapter.dispose()
    await clock.advance(2 * minute)
    await disposing
    expect(clock.timers).toBe(0)
    expect(pools.opened.map(({ disposed }) => disposed)).toEqual([true, true])
  })

  it('while waiting for a token gives up the wait', async () => {
    const { clock, credential, rotation } = setUp()
    credential.answer('hang')
    const starting = expect(rotation.start()).rejects.toMatchObject({ code: 'CLOSED' })
    await settle()
    await rotation.stop()
    await starting
    expect(credential.aborted).toBe(1)
    expect(clock.timers).toBeLessThanOrEqual(1)
  })
})

describe('one token source under many rotations', () => {
  it('makes one request a refresh, and closing one leaves the others', async () => {
    const { clock, credential, tokenSource, pools } = setUp()
    let seed = 0
    const random = () => {
      seed = (seed + 0.618_034) % 1
      return seed
    }
    const started: number[] = []
    const rotations = Array.from(
      { length: 200 },
      () =>
        new Rotation({
          tokenSource,
          open: pools.open,
          timing: defaultRotationTiming,
          clock,
          random,
          emit: (event) => event.type === 'rotation.started' && started.push(event.at),
        }),
    )
    const starting = Promise.all(rotations.map((rotation) => rotation.start()))
    await clock.advance(0)
    await starting
    expect(credential.requests).toBe(1)
    await rotations[0]?.stop()
    await clock.advance(55 * minute)
    expect(credential.requests).toBe(2)
    expect(started).toHaveLength(199)
    const inOneSecond = (at: number) => started.filter((other) => other >= at && other < at + second).length
    expect(Math.max(...started.map(inOneSecond))).toBeLessThan(5)
    expect(new Set(started).size).toBeGreaterThan(150)
  })
})
