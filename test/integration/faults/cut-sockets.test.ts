import { describe, expect, it } from 'vitest'
import type { RotationOptions } from '../../../src/index.ts'
import type { FaultAction } from '../../../src/testing/index.ts'
import { Counter } from './counter.ts'
import { failureOf, start, useFaultyAzure } from './support.ts'
import { until } from './time.ts'

const azure = useFaultyAzure()

const CUTS: [string, FaultAction][] = [
  ['closes the socket', { drop: true }],
  ['resets the socket', { reset: true }],
]

/** The progress of the statement, the stage of the cut, and how often the statement has run by then. */
const MOMENTS = [
  ['before the statement arrives', 'request', 0],
  ['after the statement has run', 'response', 1],
] as const

const LOST = {
  meta: { code: 'CONNECTION_LOST' },
  message: expect.stringMatching(/lost while a statement was running.*not run again/),
}

const TIMED_OUT = {
  meta: { code: 'STATEMENT_TIMEOUT' },
  message: expect.stringMatching(/not run again.*may have run/s),
}

/** Idle connections are lent without a round trip, unless one was lost. */
const UNASKED: RotationOptions = { validateAfter: 600_000 }

async function connected(rotation: RotationOptions = {}, config: Parameters<typeof azure.connect>[1] = {}) {
  const client = azure.connect({ rotation: { connectRetryInterval: 50, ...rotation } }, config)
  await client.prisma.user.count()
  return { ...client, counter: await Counter.in(azure) }
}

/** Opens this many connections. */
async function busy({ prisma }: Pick<Awaited<ReturnType<typeof connected>>, 'prisma'>, connections: number) {
  await until(async () => {
    await Promise.all(Array.from({ length: connections }, () => prisma.$executeRaw`WAITFOR DELAY '00:00:00.100'`))
    expect(azure.gateway.stats().sessionsOpen).toBe(connections)
  })
}

describe.each(CUTS)('a server that %s', (_, action) => {
  it.each(MOMENTS)('%s gives a clear error, and the statement is not run again', async (_, at, ran) => {
    const { prisma, adapter, counter } = await connected(UNASKED)
    azure.gateway.inject({ at, action, times: 1 })
    expect(await failureOf(counter.increment(prisma))).toMatchObject(LOST)
    expect(await counter.value()).toBe(ran)
    await counter.increment(prisma)
    expect(await counter.value()).toBe(ran + 1)
    expect(adapter.stats()).toMatchObject({ tokensRequested: 1, rotations: 0, connectionsOpen: 1 })
  })

  it('during a transaction rolls it back', async () => {
    const { prisma, counter } = await connected(UNASKED)
    const transaction = prisma.$transaction(async (tx) => {
      await counter.increment(tx)
      azure.gateway.inject({ at: 'response', action, times: 1 })
      await counter.increment(tx)
    })
    expect(await failureOf(transaction)).toMatchObject({ code: 'P2034', meta: { code: 'TRANSACTION_INTERRUPTED' } })
    await until(async () => expect(await counter.value()).toBe(0))
    await prisma.$transaction((tx) => counter.increment(tx))
    expect(await counter.value()).toBe(1)
  })

  it('at COMMIT leaves the outcome unknown, and COMMIT is not sent again', async () => {
    const { prisma, counter } = await connected(UNASKED)
    const transaction = prisma.$transaction(async (tx) => {
      await counter.increment(tx)
      azure.gateway.inject({ at: 'response', action, times: 1 })
    })
    expect(await failureOf(transaction)).toMatchObject({ meta: { code: 'CONNECTION_LOST' } })
    expect(await counter.value()).toBe(1)
  })

  it('during the validation of an idle connection does not affect the statement', async () => {
    const { prisma, adapter, counter, events } = await connected({ validateAfter: 0 })
    const fault = azure.gateway.inject({ at: 'request', action, times: 1 })
    await counter.increment(prisma)
    expect([fault.hits, await counter.value()]).toEqual([1, 1])
    expect(await events.nth(1, 'connection.closed')).toMatchObject({ connection: 1 })
    expect(adapter.stats()).toMatchObject({ tokensRequested: 1, connectionsOpen: 1 })
  })

  it('during fifty statements makes each run once or not at all', async () => {
    const { prisma, counter } = await connected()
    azure.gateway.inject({ at: 'response', action, times: 10 })
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => counter.increment(prisma)))
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
    for (const { reason } of failed) expect(reason).toMatchObject({ meta: { code: 'CONNECTION_LOST' } })
    const done = outcomes.length - failed.length
    expect(await counter.value()).toBeGreaterThanOrEqual(done)
    expect(await counter.value()).toBeLessThanOrEqual(50)
  })
})

describe('a network that drops every idle session', () => {
  it.each(['end', 'reset'] as const)('makes the next statements run on new connections (%s)', async (how) => {
    const { prisma, adapter, counter } = await connected({}, { pool: { min: 5, max: 10 } })
    await busy({ prisma }, 5)
    azure.gateway.dropSessions({ how })
    await until(() => expect(adapter.stats().connectionsOpen).toBe(0))
    await Promise.all(Array.from({ length: 20 }, () => counter.increment(prisma)))
    expect(await counter.value()).toBe(20)
    expect(adapter.stats()).toMatchObject({ tokensRequested: 1, rotations: 0 })
  })
})

describe('a network that goes silent', () => {
  it.each(MOMENTS)('%s gives a clear error when requestTimeout is up, and it is not run again', async (_, at, ran) => {
    const { prisma, counter } = await connected(UNASKED, { requestTimeout: 2_000, options: { cancelTimeout: 300 } })
    azure.gateway.inject({ at, action: { hang: true }, times: 1 })
    expect(await failureOf(counter.increment(prisma))).toMatchObject(TIMED_OUT)
    expect(await counter.value()).toBe(ran)
    await counter.increment(prisma)
    expect(await counter.value()).toBe(ran + 1)
  })

  it('while a connection is idle delays the next statement only by one login', async () => {
    const { prisma, counter } = await connected({ validateAfter: 0 })
    const silence = azure.gateway.inject({ at: 'request', action: { hang: true }, times: 1 })
    await counter.increment(prisma)
    expect([silence.hits, await counter.value()]).toEqual([1, 1])
  })
})

describe('a server that restarts', () => {
  it('makes unsent statements wait and then run once', async () => {
    const { prisma, adapter, counter, events } = await connected()
    await busy({ prisma }, 5)
    azure.gateway.inject({ at: 'accept', action: { reset: true } })
    azure.gateway.dropSessions()
    await until(() => expect(adapter.stats().connectionsOpen).toBe(0))
    const waiting = Promise.all(Array.from({ length: 20 }, () => start(counter.increment(prisma))))
    await events.nth(1, 'connect.retry')
    azure.gateway.clearFaults()
    await waiting
    expect(await counter.value()).toBe(20)
    expect(adapter.stats().tokensRequested).toBe(1)
  })
})
