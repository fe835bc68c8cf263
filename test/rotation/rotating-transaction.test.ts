import type { Transaction } from '@prisma/driver-adapter-utils'
import { describe, expect, it } from 'vitest'
import { EntraError } from '../../src/errors.ts'
import { Generation } from '../../src/rotation/generation.ts'
import { RotatingTransaction } from '../../src/rotation/rotating-transaction.ts'
import { Lease } from '../../src/token/lease.ts'
import { FakePool, FakePools } from '../support/fake-pools.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

async function setUp() {
  const clock = new VirtualClock()
  const pools = new FakePools(clock)
  const lease = new Lease('t', { refreshAfter: clock.now(), expiresOn: clock.now() + 1000 }, clock)
  const generation = new Generation({
    id: 1,
    lease,
    pool: new FakePool(1, lease, pools),
    openedAt: clock.now(),
    observer: { onLeft() {}, onIdle() {}, onClosed() {} },
  })
  generation.enter(clock.now())
  const beginning = generation.pool.startTransaction()
  await clock.advance(0)
  const inner = await beginning
  const transaction: Transaction = new RotatingTransaction(inner, generation, { refused() {} })
  const run = (sql: string) => transaction.executeRaw({ sql, args: [], argTypes: [] })
  return { clock, pools, generation, inner, transaction, run }
}

describe('a transaction', () => {
  it('looks at the clock before each statement, also of those that waited for another', async () => {
    const { clock, pools, run } = await setUp()
    const first = run('after 900')
    const second = expect(run('second')).rejects.toMatchObject({
      cause: { kind: 'TransactionWriteConflict', originalCode: 'TRANSACTION_TOKEN_EXPIRED' },
    })
    await settle()
    clock.jump(1500)
    await clock.advance(0)
    await first
    await second
    expect(pools.statements.map(({ sql }) => sql)).toEqual(['BEGIN', 'after 900'])
  })

  it('goes on after a statement that failed', async () => {
    const { clock, run } = await setUp()
    await expect(run('fail')).rejects.toThrow()
    const next = run('after 0')
    await clock.advance(0)
    expect(await next).toBe(1)
  })

  it('leaves its generation once, whatever ends it', async () => {
    const { clock, generation, transaction } = await setUp()
    const ends = Promise.allSettled([transaction.commit(), transaction.rollback()])
    for (let i = 0; i < 3; i++) await clock.advance(0)
    await ends
    expect(generation.inFlight).toBe(0)
  })

  it('may still be rolled back when its token has expired', async () => {
    const { clock, pools, transaction } = await setUp()
    clock.jump(5000)
    const end = transaction.rollback()
    await clock.advance(0)
    await end
    expect(pools.statements.at(-1)?.sql).toBe('ROLLBACK')
  })

  it('says why where the cut at its token’s end comes into a rollback', async () => {
    const { clock, pools, transaction } = await setUp()
    pools.failStatements('ROLLBACK', new EntraError('CONNECTION_LOST', 'lost'))
    clock.jump(5000)
    await expect(transaction.rollback()).rejects.toMatchObject({
      cause: { originalCode: 'TRANSACTION_TOKEN_EXPIRED' },
    })
  })

  it('has the options and savepoints of the one inside', async () => {
    const { clock, pools, transaction, inner } = await setUp()
    expect(transaction.options).toBe(inner.options)
    const saving = transaction.createSavepoint?.('sp1')
    await clock.advance(0)
    await saving
    const back = transaction.rollbackToSavepoint?.('sp1')
    await clock.advance(0)
    await back
    expect(pools.statements.slice(1).map(({ sql }) => sql)).toEqual(['SAVE sp1', 'ROLLBACK TO sp1'])
  })
})
