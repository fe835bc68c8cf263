import { describe, expect, it } from 'vitest'
import { EntraError } from '../../src/errors/entra-error.ts'
import type { RotationEvent } from '../../src/events.ts'
import { RotatingAdapter } from '../../src/rotation/rotating-adapter.ts'
import { Rotation } from '../../src/rotation/rotation.ts'
import { defaultRotationTiming, type RotationTiming } from '../../src/rotation/rotation-policy.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { FakeCredential } from '../support/fake-credential.ts'
import { FakePools } from '../support/fake-pools.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const second = 1_000
const minute = 60 * second

async function setUp(timing: Partial<RotationTiming> = {}) {
  const clock = new VirtualClock()
  const credential = new FakeCredential(clock)
  const random = () => 0
  const tokenSource = new TokenSource(credential, { scope: 'scope', clock, random })
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
  const query = (sql: string) => adapter.queryRaw({ sql, args: [], argTypes: [] }).then(({ rows }) => rows[0]?.[0])
  const starting = rotation.start()
  await clock.advance(0)
  await starting
  const ran = (sql: string) => pools.statements.filter((statement) => statement.sql === sql).map(({ pool }) => pool)
  return { clock, credential, pools, events, rotation, adapter, query, ran }
}

const refused = () => new EntraError('LOGIN_FAILED', 'no', { number: 18456, state: 1 })
const paused = () => new EntraError('LOGIN_FAILED', 'paused', { number: 40613, state: 1 })
const expired = () => new EntraError('SESSION_TOKEN_EXPIRED', 'expired')
const lost = () => new EntraError('CONNECTION_LOST', 'lost')
const notSent = () => new EntraError('NOT_SENT', 'not sent')

describe('a token that the server refuses', () => {
  it('in a session: a new token, a new generation, and the statement once more', async () => {
    const { clock, credential, pools, query, ran, events } = await setUp()
    pools.failStatements('update', expired())
    const running = query('update')
    await clock.advance(0)
    await clock.advance(0)
    expect(await running).toBe(2)
    expect(ran('update')).toEqual([1, 2])
    expect(credential.requests).toBe(2)
    expect(events.find(({ type }) => type === 'rotation.started')).toMatchObject({ reason: 'refused' })
  })

  it('in fifty sessions at once: one new token and one new generation', async () => {
    const { clock, credential, pools, query } = await setUp()
    // As many as there are connections; the others wait, and meet no expired session.
    pools.failStatements('update', ...Array.from({ length: 10 }, expired))
    const running = Promise.all(Array.from({ length: 50 }, () => query('update')))
    await clock.advance(0)
    await clock.advance(0)
    expect(new Set(await running)).toEqual(new Set([2]))
    expect(credential.requests).toBe(2)
    expect(pools.opened).toHaveLength(2)
  })

  it('a second time is the user’s to mend: two logins, two token requests, and the error', async () => {
    const { clock, credential, pools, query } = await setUp()
    pools.failStatements('update', refused())
    pools.failures.push(refused(), refused())
    const running = Promise.allSettled(Array.from({ length: 50 }, () => query('update')))
    await clock.advance(2 * second)
    const failed = (await running).filter(({ status }) => status === 'rejected')
    expect(failed.length).toBeGreaterThan(0)
    expect(failed[0]).toMatchObject({ reason: { cause: { code: 'LOGIN_FAILED', number: 18456 } } })
    expect(credential.requests).toBe(2)
  })

  it('at the first login: one new token, one retry', async () => {
    const clock = new VirtualClock()
    const credential = new FakeCredential(clock)
    const pools = new FakePools(clock)
    const tokenSource = new TokenSource(credential, { scope: 's', clock })
    const rotation = new Rotation({
      tokenSource,
      open: pools.open,
      timing: defaultRotationTiming,
      clock,
      random: () => 0,
      emit: () => {},
    })
    pools.failures.push(refused())
    const starting = rotation.start()
    await clock.advance(0)
    await clock.advance(0)
    await starting
    expect(credential.requests).toBe(2)
    expect(rotation.current?.lease.token).toBe('token-2')
  })

  it('in a transaction fails it as a write conflict, and the next one gets a new generation', async () => {
    const { clock, adapter, pools, ran } = await setUp()
    const beginning = adapter.startTransaction()
    await clock.advance(0)
    const transaction = await beginning
    pools.failStatements('update', expired())
    await expect(transaction.executeRaw({ sql: 'update', args: [], argTypes: [] })).rejects.toMatchObject({
      code: 'P2034',
      cause: { code: 'TRANSACTION_TOKEN_EXPIRED' },
    })
    expect(ran('update')).toEqual([1])
    const again = adapter.startTransaction()
    await clock.advance(0)
    await clock.advance(0)
    await again
    expect(ran('BEGIN')).toEqual([1, 2])
  })
})

describe('a generation whose token is refused at further logins, as is the next token', () => {
  it('goes on with the connections that it has, and is replaced as soon as that can be', async () => {
    const { clock, pools, query, rotation } = await setUp()
    const [pool] = pools.opened
    if (pool) pool.warmed = 1
    pools.failStatements('one more connection', refused())
    pools.failures.push(refused())
    await expect(
      Promise.race([query('one more connection'), clock.advance(0).then(() => query('x'))]),
    ).rejects.toMatchObject({
      cause: { code: 'LOGIN_FAILED' },
    })
    const meanwhile = query('after 0')
    await clock.advance(0)
    expect(await meanwhile).toBe(1)
    await clock.advance(second)
    expect(rotation.current?.id).toBe(2)
  })
})

describe('a database that is paused, moving or busy', () => {
  it('is waited for while work waits, with growing waits that events show', async () => {
    const { clock, pools, query, events } = await setUp()
    clock.jump(2 * 60 * minute)
    pools.failures.push(paused(), paused(), paused())
    const waiting = query('after 0')
    await clock.advance(35 * second)
    expect(await waiting).toBe(2)
    const retries = events.filter(({ type }) => type === 'connect.retry')
    expect(retries).toMatchObject([5, 10, 20].map((s, i) => ({ attempt: i + 1, retryInMs: s * second })))
  })

  it('is given up after a minute, with the last reason', async () => {
    const { clock, pools, query, events } = await setUp()
    clock.jump(2 * 60 * minute)
    pools.failures.push(...Array.from({ length: 20 }, paused))
    const waiting = expect(query('after 0')).rejects.toMatchObject({ cause: { code: 'LOGIN_FAILED', number: 40613 } })
    await clock.advance(minute)
    await waiting
    expect(events.filter(({ type }) => type === 'connect.retry')).toHaveLength(4)
  })

  it('is not waited for inside a rotation that nobody waits for', async () => {
    const { clock, pools, events } = await setUp()
    pools.failures.push(paused())
    await clock.advance(50 * minute)
    expect(events.at(-1)).toMatchObject({ type: 'rotation.failed', error: { number: 40613 } })
    await clock.advance(second)
    expect(pools.opened).toHaveLength(2)
  })
})

describe('a connection that goes away', () => {
  it('before the statement was sent: the statement runs on another', async () => {
    const { clock, pools, query, ran } = await setUp()
    pools.failStatements('update', notSent())
    const running = query('update')
    await clock.advance(0)
    expect(await running).toBe(1)
    expect(ran('update')).toEqual([1, 1])
  })

  it('under a statement: it is not run again', async () => {
    const { pools, query, ran } = await setUp()
    pools.failStatements('update', lost())
    await expect(query('update')).rejects.toMatchObject({ code: 'P1017', cause: { code: 'CONNECTION_LOST' } })
    expect(ran('update')).toEqual([1])
  })

  it('each time: is not tried without end', async () => {
    const { pools, query, ran } = await setUp()
    pools.failStatements('update', ...Array.from({ length: 20 }, notSent))
    await expect(query('update')).rejects.toMatchObject({ code: 'P1017', cause: { code: 'NOT_SENT' } })
    expect(ran('update').length).toBeLessThan(6)
  })
})

describe('work that joined others in waiting for a token', () => {
  const sealed = new Error('the vault is sealed')

  /** In the hard window, without a token: work has waited for 10 s when more joins it. */
  async function joined() {
    const world = await setUp()
    const { clock, credential, query } = world
    credential.answer(...Array.from({ length: 500 }, () => sealed))
    await clock.advance(59 * minute)
    const first = query('first').catch((error) => error.cause)
    await clock.advance(10 * second)
    let ended: unknown
    void query('second').then(
      (value) => {
        ended = value
      },
      (error) => {
        ended = error.cause
      },
    )
    await clock.advance(5 * second)
    expect(await first).toMatchObject({ code: 'TOKEN_UNAVAILABLE', cause: { cause: sealed } })
    return { ...world, ended: () => ended }
  }

  it('waits for it no longer than it may itself', async () => {
    const { clock, ended } = await joined()
    await clock.advance(9 * second)
    expect(ended()).toBeUndefined()
    await clock.advance(2 * second)
    expect(ended()).toMatchObject({ code: 'TOKEN_UNAVAILABLE' })
  })

  it('waits for the server in its own time, once the token is there', async () => {
    const { clock, credential, pools, ended } = await joined()
    credential.recover()
    pools.failures.push(paused(), paused())
    await clock.advance(14 * second)
    expect(credential.requests).toBeGreaterThan(2)
    expect(ended()).toBeUndefined()
    await clock.advance(20 * second)
    expect(ended()).toBe(2)
  })
})
