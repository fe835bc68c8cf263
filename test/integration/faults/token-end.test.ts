import { describe, expect, it } from 'vitest'
import type { InjectedFault } from '../../../src/testing/index.ts'
import { Counter } from './counter.ts'
import { failureOf, start, useFaultyAzure } from './support.ts'
import { hour, second, until } from './time.ts'

const azure = useFaultyAzure()
const LONG = { timeout: 24 * hour, maxWait: 24 * hour }

/** A client whose first token lives for 3 s, and whose credential has no other. */
function short() {
  const lifetime = 3 * second
  const token = azure.authority.issueToken({ lifetime })
  return azure.connect({ credential: { getToken: () => token } })
}

describe('at the end of its token', () => {
  it('a transaction is cut in the middle of a statement, and the server rolls it back', async () => {
    const { prisma, events } = short()
    const transaction = prisma.$transaction(async (tx) => {
      await tx.tag.create({ data: { name: 'never committed' } })
      await tx.$executeRaw`WAITFOR DELAY '00:00:30'`
    }, LONG)
    expect(await failureOf(transaction)).toMatchObject({
      code: 'P2034',
      meta: { code: 'TRANSACTION_TOKEN_EXPIRED' },
      message: expect.stringMatching(/still open when the token.*expired.*rolled back.*can be run again/s),
    })
    const closed = await events.nth(1, 'connection.closed')
    expect(closed).toMatchObject({ connection: 1, reason: 'expired' })
    expect(closed.at).toBeGreaterThanOrEqual(events.of('connection.opened')[0]?.expiresOn ?? Number.NaN)
    await until(async () => expect(await azure.sql('SELECT * FROM [dbo].[Tag]')).toEqual([]))
    expect(azure.gateway.stats().requestsAfterExpiry).toBe(0)
  })

  it('a COMMIT whose answer has not come is not called rolled back', async () => {
    const counter = await Counter.in(azure)
    const { prisma } = short()
    let hanging: InjectedFault | undefined
    const transaction = prisma.$transaction(async (tx) => {
      await counter.increment(tx)
      hanging = azure.gateway.inject({ at: 'response', action: { hang: true }, times: 1 })
    }, LONG)
    expect(await failureOf(transaction)).toMatchObject({ meta: { code: 'STATEMENT_TOKEN_EXPIRED' } })
    expect([hanging?.hits, await counter.value()]).toEqual([1, 1])
  })

  it('a statement that still runs is cut, and says that it may have taken effect', async () => {
    const { prisma } = short()
    expect(await failureOf(start(prisma.$executeRaw`WAITFOR DELAY '00:00:30'`))).toMatchObject({
      meta: { code: 'STATEMENT_TOKEN_EXPIRED' },
      message: expect.stringMatching(/still running when the token of its connection expired.*not known/),
    })
  })
})
