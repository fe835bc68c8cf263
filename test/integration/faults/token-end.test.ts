import { describe, expect, it } from 'vitest'
import type { InjectedFault } from '../../../src/testing/index.ts'
import { Counter } from './counter.ts'
import { failureOf, start, useFaultyAzure } from './support.ts'
import { hour, second, until } from './time.ts'

const azure = useFaultyAzure()
const LONG = { timeout: 24 * hour, maxWait: 24 * hour }

/** A client whose token lives for a few seconds and whose credential has no other. */
async function short() {
  // On a busy machine, loading the driver takes seconds too.
  await azure.db.prisma.user.count()
  const token = azure.authority.issueToken({ lifetime: 8 * second })
  return azure.connect({ credential: { getToken: () => token } })
}

describe('when its token expires', () => {
  it('running work is cancelled, with an error that says whether it took effect', async () => {
    const { prisma, events } = await short()
    const transaction = prisma.$transaction(async (tx) => {
      await tx.tag.create({ data: { name: 'never committed' } })
      await tx.$executeRaw`WAITFOR DELAY '00:01:00'`
    }, LONG)
    const failures = await Promise.all([
      failureOf(transaction),
      failureOf(start(prisma.$executeRaw`WAITFOR DELAY '00:01:00'`)),
    ])
    expect(failures).toMatchObject([
      {
        code: 'P2034',
        meta: { code: 'TRANSACTION_TOKEN_EXPIRED' },
        message: expect.stringMatching(/still open when the token.*expired.*rolled back.*can be run again/s),
      },
      {
        meta: { code: 'STATEMENT_TOKEN_EXPIRED' },
        message: expect.stringMatching(/still running when the token of its connection expired.*may have taken effect/),
      },
    ])
    const closed = await events.nth(2, 'connection.closed')
    expect(closed.reason).toBe('expired')
    // The monotonic clock may be a few ms ahead of the wall clock.
    expect(closed.at).toBeGreaterThan((events.of('connection.opened')[0]?.expiresOn ?? Number.NaN) - 1_000)
    await until(async () => expect(await azure.sql('SELECT * FROM [dbo].[Tag]')).toEqual([]))
    expect(azure.gateway.stats().requestsAfterExpiry).toBe(0)
  })

  it('an unanswered COMMIT is not reported as rolled back', async () => {
    const counter = await Counter.in(azure)
    const { prisma } = await short()
    let hanging: InjectedFault | undefined
    const transaction = prisma.$transaction(async (tx) => {
      await counter.increment(tx)
      hanging = azure.gateway.inject({ at: 'response', action: { hang: true }, times: 1 })
    }, LONG)
    expect(await failureOf(transaction)).toMatchObject({ meta: { code: 'STATEMENT_TOKEN_EXPIRED' } })
    expect([hanging?.hits, await counter.value()]).toEqual([1, 1])
  })
})
