import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import type { InjectedFault } from '../../../src/testing/index.ts'
import { Counter } from './counter.ts'
import { MovableClock } from './movable-clock.ts'
import { byLifetime, failureOf, useFaultyAzure } from './support.ts'
import { hour, minute, second, until } from './time.ts'

const azure = useFaultyAzure()

const REFRESH = 50 * minute
const LONG = { timeout: 24 * hour }

const ENDED = {
  code: 'P2034',
  meta: { code: 'TRANSACTION_TOKEN_EXPIRED' },
  message: expect.stringMatching(/still open when the token.*expired.*rolled back.*can be run again/s),
}

async function connected() {
  const client = azure.connect({ rotation: { spread: 0 } })
  await client.prisma.user.count()
  return { ...client, counter: await Counter.in(azure) }
}

describe('a transaction that outlives its generation', () => {
  it('goes on, on its connection, into its token’s last second, and commits', async () => {
    const { prisma, adapter, events, counter } = await connected()
    const session = (client: Pick<typeof prisma, '$queryRaw'>) => client.$queryRaw<object[]>`SELECT @@SPID AS id`
    await prisma.$transaction(async (tx) => {
      const before = await session(tx)
      await counter.increment(tx)
      azure.clock.pass(REFRESH)
      await events.nth(1, 'rotation.finished')
      expect(await session(prisma)).not.toEqual(before)
      await counter.increment(tx)
      // In the hard window, and then 20 s before the end.
      azure.clock.pass(8.5 * minute)
      await counter.increment(tx)
      azure.clock.pass(1 * minute + 10 * second)
      await counter.increment(tx)
      expect(await session(tx)).toEqual(before)
      expect(adapter.stats().draining).toMatchObject([{ id: 1, inFlight: 1, connections: 1 }])
    }, LONG)
    expect(await counter.value()).toBe(4)
    expect(await events.nth(1, 'generation.closed')).toMatchObject({ generation: 1, reason: 'drained' })
    expect(azure.gateway.stats().requestsAfterExpiry).toBe(0)
  })

  it('is ended when its token’s end comes, says why, and leaves nothing behind', async () => {
    const { prisma, adapter, events, counter } = await connected()
    const transaction = prisma.$transaction(async (tx) => {
      await counter.increment(tx)
      azure.clock.pass(REFRESH)
      await events.nth(1, 'rotation.finished')
      azure.clock.pass(10 * minute)
      expect(await events.nth(1, 'generation.closed')).toMatchObject({ generation: 1, reason: 'expired' })
      // The server has rolled back by itself: nothing is locked any more.
      await until(async () => expect(await counter.increment(prisma)).toBe(1))
      await counter.increment(tx)
    }, LONG)
    expect(await failureOf(transaction)).toMatchObject(ENDED)
    expect(await counter.value()).toBe(1)
    expect(adapter.stats()).toMatchObject({ draining: [], inFlight: 0, generation: { id: 2 } })
    expect(azure.gateway.stats()).toMatchObject({ requestsAfterExpiry: 0, sessionsOpen: 1 })
  })

  it('is ended in the middle of a statement, and in real time too', async () => {
    const lifetime = 1.5 * second
    const { prisma, events } = azure.connect({
      clock: systemClock,
      credential: {
        getToken: async () => {
          const token = await azure.authority.issueToken()
          return { ...token, expiresOnTimestamp: Date.now() + lifetime }
        },
      },
    })
    const transaction = prisma.$transaction((tx) => tx.$executeRaw`WAITFOR DELAY '00:00:30'`, LONG)
    expect(await failureOf(transaction)).toMatchObject({ meta: ENDED.meta })
    const [closed] = events.of('generation.closed')
    expect(closed).toMatchObject({ generation: 1, reason: 'expired' })
    expect(closed?.at).toBeGreaterThanOrEqual(events.of('generation.opened')[0]?.expiresOn ?? Number.NaN)
  })
})

describe('a COMMIT that is cut off at its token’s end', () => {
  it('is not called rolled back: it may have been carried out', async () => {
    const { prisma, counter } = await connected()
    let hanging: InjectedFault | undefined
    const transaction = failureOf(
      prisma.$transaction(async (tx) => {
        await counter.increment(tx)
        hanging = azure.gateway.inject({ at: 'response', action: { hang: true }, times: 1 })
      }, LONG),
    )
    await until(() => expect(hanging?.hits).toBe(1))
    azure.clock.pass(1 * hour)
    expect(await transaction).toMatchObject({ meta: { code: 'STATEMENT_TOKEN_EXPIRED' } })
    expect(await counter.value()).toBe(1)
  })
})

describe('a transaction that may outlive its token (sessionsOutliveTokens)', () => {
  it('goes on for as long as the server lets it; nothing new begins on its connections', async () => {
    // The client's own clock: for the server the token is good.
    const clock = new MovableClock(azure.clock.now())
    const { prisma, adapter, events } = azure.connect({
      clock,
      credential: { getToken: byLifetime(azure, clock) },
      rotation: { sessionsOutliveTokens: true, spread: 0 },
    })
    const counter = await Counter.in(azure)
    await prisma.$transaction(async (tx) => {
      await counter.increment(tx)
      clock.pass(REFRESH)
      await events.nth(1, 'rotation.finished')
      clock.pass(30 * minute)
      await counter.increment(tx)
      await prisma.user.count()
      expect(adapter.stats()).toMatchObject({
        generation: { id: 2 },
        draining: [{ id: 1, inFlight: 1, connections: 1 }],
      })
    }, LONG)
    expect(await counter.value()).toBe(2)
    expect(await events.nth(1, 'generation.closed')).toMatchObject({ generation: 1, reason: 'drained' })
  })
})

describe('a statement outside a transaction', () => {
  it('that still runs at its token’s end is cut, and says why', async () => {
    const { prisma, adapter, events } = await connected()
    const running = failureOf(prisma.$executeRaw`WAITFOR DELAY '00:00:30'`)
    await until(() => expect(adapter.stats().inFlight).toBe(1))
    azure.clock.pass(REFRESH)
    await events.nth(1, 'rotation.finished')
    await prisma.user.count()
    expect(adapter.stats().draining).toMatchObject([{ id: 1, inFlight: 1 }])
    azure.clock.pass(10 * minute)
    expect(await running).toMatchObject({
      message: expect.stringMatching(/still running when the token of its connection expired.*not known/),
    })
    expect(adapter.stats()).toMatchObject({ draining: [], inFlight: 0 })
  })
})
