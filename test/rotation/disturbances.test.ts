import type { IsolationLevel } from '@prisma/driver-adapter-utils'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { officialPools } from '../../src/rotation/official-pool.ts'
import { RotatingAdapter } from '../../src/rotation/rotating-adapter.ts'
import { Rotation } from '../../src/rotation/rotation.ts'
import { defaultRotationTiming } from '../../src/rotation/rotation-policy.ts'
import { Lease } from '../../src/token/lease.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { FakeCredential } from '../support/fake-credential.ts'
import { FakePools } from '../support/fake-pools.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

// What the simulation found, each in its shortest form.

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

async function setUp() {
  const clock = new VirtualClock()
  const credential = new FakeCredential(clock)
  const tokenSource = new TokenSource(credential, { scope: 's', clock, random: () => 0 })
  const pools = new FakePools(clock)
  const timing = defaultRotationTiming
  const rotation = new Rotation({ tokenSource, open: pools.open, timing, clock, random: () => 0, emit: () => {} })
  const adapter = new RotatingAdapter('test', rotation, clock, () => {})
  const query = (sql: string) => adapter.queryRaw({ sql, args: [], argTypes: [] }).then(({ rows }) => rows[0]?.[0])
  const begin = async () => {
    const beginning = adapter.startTransaction('SERIALIZABLE' satisfies IsolationLevel)
    await clock.advance(0)
    return beginning
  }
  const starting = rotation.start()
  await clock.advance(0)
  await starting
  return { clock, credential, tokenSource, pools, rotation, adapter, query, begin }
}

const unreachable = () => new EntraError('CONNECT_FAILED', 'unreachable')

describe('a clock that is set back', () => {
  it('while a server is waited for does not make the wait longer than twice as long', async () => {
    const { clock, pools, query } = await setUp()
    clock.set(2 * hour)
    pools.failures.push(...Array.from({ length: 99 }, unreachable))
    const waiting = expect(query('after 0')).rejects.toMatchObject({ cause: { code: 'CONNECT_FAILED' } })
    await clock.advance(20 * second)
    clock.set(-hour)
    await clock.advance(2 * minute)
    await waiting
  })

  it('does not bring a generation back that was cut at its end', async () => {
    const { clock, credential, pools, query } = await setUp()
    credential.answer(...Array.from({ length: 999 }, () => new Error('down')))
    clock.set(2 * hour)
    await clock.advance(4 * minute)
    expect(pools.opened[0]?.terminated).toBe(true)
    clock.set(0)
    const running = query('after 0')
    await clock.advance(0)
    await clock.advance(0)
    expect(await running).toBe(2)
  })
})

describe('a machine that slept while a token was asked for', () => {
  it('does not wait for that answer', async () => {
    const { clock, credential, query } = await setUp()
    clock.set(2 * hour)
    credential.answer('hang')
    const running = query('after 0')
    await clock.advance(second)
    clock.set(3 * hour)
    await clock.advance(3 * second)
    expect(await running).toBe(2)
    expect(credential.aborted).toBe(1)
  })
})

describe('a token that is refused in a transaction', () => {
  it('is replaced at once, though no other work comes', async () => {
    const { clock, pools, begin, rotation } = await setUp()
    const transaction = await begin()
    pools.failStatements('update', new EntraError('SESSION_TOKEN_EXPIRED', 'expired'))
    await expect(transaction.executeRaw({ sql: 'update', args: [], argTypes: [] })).rejects.toThrow()
    await clock.advance(0)
    expect(rotation.current?.id).toBe(2)
  })
})

describe('disconnecting', () => {
  it('does not wait for a transaction that nobody ends', async () => {
    const { clock, adapter, pools, begin } = await setUp()
    await begin()
    const [pool] = pools.opened
    // As the pool of mssql, which waits for each connection that it has lent.
    if (pool) pool.dispose = () => new Promise(() => {})
    const disposing = adapter.dispose()
    await clock.advance(5 * second)
    await disposing
    expect(pool?.terminated).toBe(true)
    expect(clock.timers).toBe(0)
  })

  it('leaves no connection open past the expiry of its token', async () => {
    const { clock, adapter, pools, query } = await setUp()
    await clock.advance(49 * minute)
    const running = expect(query(`after ${hour}`)).rejects.toThrow()
    clock.set(11 * minute - second)
    const disposing = adapter.dispose()
    await clock.advance(second)
    expect(pools.opened[0]?.terminated).toBe(true)
    await running
    await disposing
  })
})

describe('work that waits', () => {
  it('goes on to the next generation as often as one ends under it', async () => {
    const { clock, pools, query, rotation } = await setUp()
    const notSent = new EntraError('NOT_SENT', 'aborted')
    const ends = 6
    pools.failing.set('update', {
      // Each time the statement comes its generation ends.
      shift: () => {
        if (rotation.current === undefined || rotation.current.id > ends) return undefined
        rotation.refused(rotation.current)
        return notSent
      },
    } as never)
    const running = query('update')
    await clock.advance(30 * second)
    expect(await running).toBe(ends + 1)
  })

  it('in any number makes Node warn of no leak', async () => {
    const { clock, pools, query } = await setUp()
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    pools.failStatements('update', ...Array.from({ length: 30 }, unreachable))
    await pools.opened[0]?.warmUp(1)
    const running = Promise.all(Array.from({ length: 30 }, () => query('update')))
    await clock.advance(minute)
    await running
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })
})

describe('a pool whose token has expired', () => {
  it('logs in no more', async () => {
    const config = { server: '127.0.0.1', port: 1, options: { encrypt: true } }
    const open = officialPools(config, {}, 'https://x/', systemClock)
    const now = Date.now()
    const lease = new Lease('token', { expiresOn: now, refreshAfter: now - 1 }, systemClock)
    await expect(open(lease, new AbortController().signal)).rejects.toMatchObject({ code: 'NOT_SENT' })
  })
})
