import { describe, expect, it, vi } from 'vitest'
import { EntraError } from '../../src/errors/entra-error.ts'
import { RotatingAdapter } from '../../src/rotation/rotating-adapter.ts'
import { Rotation } from '../../src/rotation/rotation.ts'
import { defaultRotationTiming } from '../../src/rotation/rotation-policy.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { FakeCredential } from '../support/fake-credential.ts'
import { FakePools } from '../support/fake-pools.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const second = 1_000
const hour = 3_600 * second

/** A rotation that has begun, and that nobody waits for. */
function setUp() {
  const clock = new VirtualClock()
  const credential = new FakeCredential(clock)
  const tokenSource = new TokenSource(credential, { scope: 'scope', clock, random: () => 0 })
  const pools = new FakePools(clock)
  pools.openDelay = 2 * second
  const load = vi.fn()
  const rotation = new Rotation({
    tokenSource,
    open: pools.open,
    load,
    timing: defaultRotationTiming,
    clock,
    random: () => 0,
    emit: () => {},
  })
  rotation.begin()
  const adapter = new RotatingAdapter('test', rotation, clock, () => {})
  const query = async () => (await adapter.queryRaw({ sql: 'x', args: [], argTypes: [] })).rows[0]?.[0]
  return { clock, credential, tokenSource, pools, load, rotation, query }
}

/** How a promise ended, once it has. */
function outcomeOf(promise: Promise<unknown>): { value?: unknown; error?: unknown } {
  const outcome: { value?: unknown; error?: unknown } = {}
  promise.then(
    (value) => {
      outcome.value = value ?? 'done'
    },
    (error) => {
      outcome.error = error
    },
  )
  return outcome
}

describe('a rotation that has only begun', () => {
  it('asks for nothing and sets no timer', async () => {
    const { clock, credential, load } = setUp()
    await clock.advance(hour)
    expect([credential.requests, load.mock.calls.length, clock.timers]).toEqual([0, 0, 0])
  })
})

describe('a warm-up', () => {
  it('loads what opening needs while the token is asked for, opens one generation, and readies a connection', async () => {
    const { clock, credential, tokenSource, pools, load, rotation } = setUp()
    load.mockImplementation(() => expect([credential.inFlight, tokenSource.stats().tokensRequested]).toEqual([0, 1]))
    const outcome = outcomeOf(rotation.warmUp())
    expect(load).toHaveBeenCalledOnce()
    await clock.advance(1 * second)
    expect(outcome).toEqual({})
    await clock.advance(1 * second)
    expect(outcome).toEqual({ value: 'done' })
    expect(pools.opened.map(({ prepared }) => prepared > 0)).toEqual([true])
  })

  it('shares token and generation with others and with the queries that come meanwhile', async () => {
    const { clock, credential, pools, rotation, query } = setUp()
    const outcomes = [rotation.warmUp(), rotation.warmUp(), query()].map(outcomeOf)
    await clock.advance(1 * second)
    outcomes.push(outcomeOf(query()))
    await clock.advance(2 * second)
    expect(outcomes).toEqual([{ value: 'done' }, { value: 'done' }, { value: 1 }, { value: 1 }])
    expect([credential.requests, pools.opened.length]).toEqual([1, 1])
  })

  it('that fails costs a query nothing, which comes later and has an attempt of its own', async () => {
    const { clock, credential, rotation, query } = setUp()
    credential.answer(new EntraError('CONFIG_INVALID', 'No identity yet.'))
    const warmUp = outcomeOf(rotation.warmUp())
    await clock.advance(15 * second)
    expect(warmUp.error).toBeInstanceOf(EntraError)
    await clock.advance(hour)
    const outcome = outcomeOf(query())
    await clock.advance(2 * second)
    expect(outcome).toEqual({ value: 1 })
  })

  it('that fails has a query which waited for it try again, within the time that the query may take', async () => {
    const { clock, pools, rotation, query } = setUp()
    pools.failures.push(new EntraError('DATABASE_NOT_FOUND', 'Not yet.', { number: 4060 }))
    const warmUp = outcomeOf(rotation.warmUp())
    await clock.advance(1 * second)
    const outcome = outcomeOf(query())
    await clock.advance(1 * second)
    expect(warmUp.error).toMatchObject({ number: 4060 })
    await clock.advance(2 * second)
    expect(outcome).toEqual({ value: 1 })
    expect(pools.opened).toHaveLength(1)
  })

  it('that was frozen does not fail the query that wakes it', async () => {
    const { clock, credential, rotation, query } = setUp()
    credential.answer('hang')
    const warmUp = outcomeOf(rotation.warmUp())
    await clock.advance(1 * second)
    clock.jump(hour)
    const outcome = outcomeOf(query())
    await clock.advance(10 * second)
    expect(warmUp.error).toMatchObject({ code: 'TOKEN_UNAVAILABLE' })
    expect(outcome).toEqual({ value: 1 })
    expect(credential.requests).toBe(2)
  })

  it('whose connection is refused says so; the query meets its own answer', async () => {
    const { clock, pools, rotation, query } = setUp()
    pools.onPrepare = async () => {
      throw new EntraError('TOO_MANY_CONNECTIONS', 'Full.', { number: 10928 })
    }
    const warmUp = outcomeOf(rotation.warmUp())
    await clock.advance(2 * second)
    expect(warmUp.error).toMatchObject({ number: 10928 })
    const outcome = outcomeOf(query())
    await clock.advance(0)
    expect(outcome).toEqual({ value: 1 })
  })

  it('of what is open already asks for nothing, and renews what has expired', async () => {
    const { clock, credential, pools, rotation } = setUp()
    const first = outcomeOf(rotation.warmUp())
    await clock.advance(2 * second)
    expect(first).toEqual({ value: 'done' })
    await rotation.warmUp()
    expect([credential.requests, pools.opened.length]).toEqual([1, 1])

    clock.jump(2 * hour)
    const again = outcomeOf(rotation.warmUp())
    await clock.advance(2 * second)
    expect(again).toEqual({ value: 'done' })
    expect([credential.requests, pools.opened.length]).toEqual([2, 2])
  })

  it.each([
    ['the token is waited for', 'token'],
    ['the generation is opened', 'open'],
    ['the connection is readied', 'prepare'],
  ])('leaves nothing when it is ended while %s', async (_, where) => {
    const { clock, credential, pools, rotation } = setUp()
    if (where === 'token') credential.answer('hang')
    if (where === 'prepare') pools.onPrepare = () => new Promise(() => {})
    const warmUp = outcomeOf(rotation.warmUp())
    await clock.advance(where === 'prepare' ? 5 * second : 1 * second)
    const stopped = outcomeOf(rotation.stop())
    await clock.advance(1 * second)
    expect(stopped).toEqual({ value: 'done' })
    if (where !== 'prepare') expect(warmUp.error).toMatchObject({ code: 'CLOSED' })
    expect(pools.opened.every(({ disposed }) => disposed)).toBe(true)
    expect(credential.aborted).toBe(where === 'token' ? 1 : 0)
    expect(rotation.current === undefined || rotation.draining.length === 0).toBe(true)
    await clock.advance(5 * second)
    expect(clock.timers).toBe(0)
  })
})
