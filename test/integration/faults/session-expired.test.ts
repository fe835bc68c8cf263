import { describe, expect, it } from 'vitest'
import type { FaultError, InjectedFault } from '../../../src/testing/index.ts'
import { Counter } from './counter.ts'
import { FaultyCredential } from './faulty-credential.ts'
import { failureOf, useFaultyAzure } from './support.ts'
import { hour, until } from './time.ts'

const azure = useFaultyAzure()

const EXPIRED: FaultError = {
  number: 37396,
  class: 20,
  message: 'Query cannot be executed, access token is expired. Please login with a new access token.',
}

const TOKEN_EXPIRED: FaultError = {
  number: 18456,
  class: 20,
  message: "Login failed for user '<token-identified principal>'. Token is expired.",
}

const REFUSALS: [string, FaultError][] = [
  ['37396', EXPIRED],
  ['18456, "Token is expired"', TOKEN_EXPIRED],
]
const refuseNextRequest = (refuse: FaultError): InjectedFault =>
  azure.gateway.inject({ at: 'request', action: { refuse }, times: 1 })

/** A client with a connection open, whose idle connections are lent without a round trip. */
async function connected(credential = new FaultyCredential(() => azure.authority.issueToken())) {
  const client = azure.connect({ credential, rotation: { validateAfter: 1 * hour } })
  await client.prisma.user.count()
  return { ...client, credential, counter: await Counter.in(azure) }
}

describe('a statement on a session that the server ends because of its token', () => {
  it.each(REFUSALS)('runs once, on a connection with a new token (error %s)', async (_, refusal) => {
    const { prisma, adapter, events, counter } = await connected()
    const fault = refuseNextRequest(refusal)
    await counter.increment(prisma)
    expect([fault.hits, await counter.value()]).toEqual([1, 1])
    expect(await events.nth(1, 'connection.closed')).toMatchObject({ connection: 1, reason: 'unusable' })
    expect(adapter.stats()).toMatchObject({ tokensRequested: 2, tokensAcquired: 2, refreshesFailed: 0 })
  })

  it('runs once if half of all sessions end at the same time, and one new token is requested', async () => {
    const { prisma, adapter, counter } = await connected()
    await until(async () => {
      await Promise.all(Array.from({ length: 10 }, () => prisma.$executeRaw`WAITFOR DELAY '00:00:00.100'`))
      expect(adapter.stats().connectionsOpen).toBe(10)
    })
    // All ten sessions receive a statement before the first one is rerun on another.
    const fault = azure.gateway.inject({ at: 'request', action: { refuse: EXPIRED }, times: 5 })
    await Promise.all(Array.from({ length: 50 }, () => counter.increment(prisma)))
    expect([fault.hits, await counter.value()]).toEqual([5, 50])
    expect(adapter.stats()).toMatchObject({ tokensRequested: 2, tokensAcquired: 2 })
  })

  it('is not run a third time if its next token is refused too', async () => {
    const { prisma, credential, counter } = await connected()
    refuseNextRequest(EXPIRED)
    azure.gateway.inject({ at: 'login', action: { refuse: TOKEN_EXPIRED } })
    expect(await failureOf(counter.increment(prisma))).toMatchObject({
      meta: { code: expect.stringMatching(/^(SESSION_TOKEN_EXPIRED|TOKEN_REFUSED)$/) },
      message: expect.stringMatching(/token.* expired/i),
    })
    expect([await counter.value(), credential.requests]).toEqual([0, 2])
  })
})

describe('a transaction on a session that the server ends because of its token', () => {
  it.each(REFUSALS)('is rolled back, fails with P2034, and works when run again (error %s)', async (_, refusal) => {
    const { prisma, adapter, counter } = await connected()
    let attempts = 0
    const transact = () =>
      prisma.$transaction(async (tx) => {
        await counter.increment(tx)
        if (++attempts === 1) refuseNextRequest(refusal)
        await counter.increment(tx)
      })
    expect(await failureOf(transact())).toMatchObject({
      code: 'P2034',
      meta: { code: 'TRANSACTION_TOKEN_EXPIRED' },
      message: expect.stringMatching(/no longer accepts the token.*rolled back.*can be run again/s),
    })
    expect(await counter.value()).toBe(0)
    await transact()
    expect([attempts, await counter.value()]).toEqual([2, 2])
    await until(() => expect(adapter.stats()).toMatchObject({ tokensRequested: 2, connectionsOpen: 1 }))
  })

  it.each(REFUSALS)('begins once more if the session ends at BEGIN (error %s)', async (_, refusal) => {
    const { prisma, adapter, counter } = await connected()
    const fault = refuseNextRequest(refusal)
    await prisma.$transaction((tx) => counter.increment(tx))
    expect([fault.hits, await counter.value()]).toEqual([1, 1])
    expect(adapter.stats()).toMatchObject({ tokensRequested: 2 })
  })

  it.each(REFUSALS)(
    'fails with P2034 and changes nothing if the session ends at COMMIT (error %s)',
    async (_, refusal) => {
      const { prisma, counter } = await connected()
      const transaction = prisma.$transaction(async (tx) => {
        await counter.increment(tx)
        refuseNextRequest(refusal)
      })
      expect(await failureOf(transaction)).toMatchObject({ code: 'P2034' })
      expect(await counter.value()).toBe(0)
    },
  )
})
