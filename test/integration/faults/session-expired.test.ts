import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import type { AdapterEvent } from '../../../src/index.ts'
import type { FaultError, InjectedFault } from '../../../src/testing/index.ts'
import { Counter } from './counter.ts'
import { failureOf, useFaultyAzure } from './support.ts'
import { hour, until } from './time.ts'

const azure = useFaultyAzure()

/** The clock of authority and gateway alone: for them every token has expired two hours later. */
const serverTimePasses = () => azure.clock.pass(2 * hour)

const REFUSALS: [string, FaultError][] = [
  [
    '37396',
    {
      number: 37396,
      class: 20,
      message: 'Query cannot be executed, access token is expired. Please login with a new access token.',
    },
  ],
  [
    '18456, "Token is expired"',
    {
      number: 18456,
      class: 20,
      message: "Login failed for user '<token-identified principal>'. Token is expired.",
    },
  ],
]
const refuseNextRequest = (refuse: FaultError): InjectedFault =>
  azure.gateway.inject({ at: 'request', action: { refuse }, times: 1 })

/** A client with a connection open, whose clock is its own. */
async function connected(onEvent: (event: AdapterEvent) => void = () => {}) {
  const client = azure.connect({ clock: systemClock, onEvent })
  await client.prisma.user.count()
  return { ...client, counter: await Counter.in(azure) }
}

describe('a session that the server ends for its token, outside a transaction', () => {
  it.each(REFUSALS)(
    'with %s: the statement, which did not run, runs once on the next generation',
    async (_, refusal) => {
      const { prisma, adapter, events, counter } = await connected()
      const fault = refuseNextRequest(refusal)
      await counter.increment(prisma)
      expect(fault.hits).toBe(1)
      expect(await counter.value()).toBe(1)
      expect(events.of('rotation.finished')).toMatchObject([{ from: 1, to: 2, reason: 'refused' }])
      expect(adapter.stats()).toMatchObject({ tokensRequested: 2, tokensAcquired: 2, refreshesFailed: 0 })
      await until(() => expect(events.of('generation.closed')).toMatchObject([{ generation: 1, reason: 'drained' }]))
    },
  )

  it('in all sessions at once: each statement runs once, with one new token', async () => {
    const { prisma, adapter, events, counter } = await connected()
    await Promise.all(Array.from({ length: 10 }, () => prisma.$executeRaw`WAITFOR DELAY '00:00:00.100'`))
    serverTimePasses()
    await Promise.all(Array.from({ length: 50 }, () => counter.increment(prisma)))
    expect(await counter.value()).toBe(50)
    expect(azure.gateway.stats().requestsAfterExpiry).toBeGreaterThan(1)
    expect(events.of('rotation.finished')).toMatchObject([{ from: 1, to: 2, reason: 'refused' }])
    expect(adapter.stats()).toMatchObject({ tokensRequested: 2, rotations: 1 })
    expect(azure.gateway.stats().loginFailures[18456] ?? 0).toBeLessThanOrEqual(10)
  })

  it('and the next token is refused too: not tried a third time, and the statement did not run', async () => {
    const { prisma, adapter, counter } = await connected((event) => {
      if (event.type === 'generation.opened' && event.generation === 2) serverTimePasses()
    })
    serverTimePasses()
    expect(await failureOf(counter.increment(prisma))).toMatchObject({
      meta: { code: expect.stringMatching(/^(SESSION_TOKEN_EXPIRED|TOKEN_REFUSED)$/) },
      message: expect.stringMatching(/token.* expired/i),
    })
    expect(await counter.value()).toBe(0)
    expect(adapter.stats().tokensAcquired).toBe(2)

    await counter.increment(prisma)
    expect(await counter.value()).toBe(1)
  })
})

describe('a session that the server ends for its token, in a transaction', () => {
  it.each(REFUSALS)(
    'with %s: P2034 with the reason, nothing is left, and the next attempt works',
    async (_, refusal) => {
      const { prisma, adapter, events, counter } = await connected()
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
        message: expect.stringMatching(/takes its token no longer.*rolled back.*can be run again/s),
      })
      expect(await counter.value()).toBe(0)
      await transact()
      expect(attempts).toBe(2)
      expect(await counter.value()).toBe(2)
      await until(() => expect(events.of('rotation.finished')).toMatchObject([{ from: 1, to: 2, reason: 'refused' }]))
      expect(adapter.stats()).toMatchObject({ tokensRequested: 2, generation: { id: 2 } })
    },
  )

  it.each(REFUSALS)('at its BEGIN, with %s: nothing had been done, and it begins once more', async (_, refusal) => {
    const { prisma, adapter, counter } = await connected()
    const fault = refuseNextRequest(refusal)
    await prisma.$transaction((tx) => counter.increment(tx))
    expect(fault.hits).toBe(1)
    expect(await counter.value()).toBe(1)
    expect(adapter.stats()).toMatchObject({ tokensRequested: 2, generation: { id: 2 } })
  })

  it.each(REFUSALS)('at its COMMIT, with %s: P2034, and nothing is left', async (_, refusal) => {
    const { prisma, counter } = await connected()
    const transaction = prisma.$transaction(async (tx) => {
      await counter.increment(tx)
      refuseNextRequest(refusal)
    })
    expect(await failureOf(transaction)).toMatchObject({ code: 'P2034' })
    expect(await counter.value()).toBe(0)
  })
})
