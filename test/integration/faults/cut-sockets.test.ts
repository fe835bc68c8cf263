import { describe, expect, it } from 'vitest'
import type { RotationOptions } from '../../../src/index.ts'
import type { FaultAction } from '../../../src/testing/index.ts'
import { Counter } from './counter.ts'
import { failureOf, start, useFaultyAzure } from './support.ts'
import { minute, second, until } from './time.ts'

const azure = useFaultyAzure()

const CUTS: [string, FaultAction][] = [
  ['closes the socket', { drop: true }],
  ['resets it', { reset: true }],
]

/** How far the statement had come, the stage at which it is cut, and how often it has run then. */
const MOMENTS = [
  ['before the statement came to the server', 'request', 0],
  ['after the statement has run', 'response', 1],
] as const

const LOST = {
  meta: { code: 'CONNECTION_LOST' },
  message: expect.stringMatching(/lost while a statement was under way.*not run again/),
}

const TIMED_OUT = {
  meta: { code: 'STATEMENT_TIMEOUT' },
  message: expect.stringMatching(/not run again.*may have run/s),
}

async function connected(config: Parameters<typeof azure.connect>[1] = {}, rotation: RotationOptions = {}) {
  const client = azure.connect({ rotation }, config)
  await client.prisma.user.count()
  return { ...client, counter: await Counter.in(azure) }
}

/** Opens so many connections. */
async function busy({ prisma }: Pick<Awaited<ReturnType<typeof connected>>, 'prisma'>, connections: number) {
  await Promise.all(Array.from({ length: connections }, () => prisma.$executeRaw`WAITFOR DELAY '00:00:00.200'`))
  expect(azure.gateway.stats().sessionsOpen).toBe(connections)
}

describe.each(CUTS)('a server that %s', (_, action) => {
  it.each(MOMENTS)('%s: clear error, not run again, and the pool heals', async (_, at, ran) => {
    const { prisma, adapter, counter } = await connected()
    azure.gateway.inject({ at, action, times: 1 })
    expect(await failureOf(counter.increment(prisma))).toMatchObject(LOST)
    expect(await counter.value()).toBe(ran)
    await counter.increment(prisma)
    expect(await counter.value()).toBe(ran + 1)
    expect(adapter.stats()).toMatchObject({ tokensRequested: 1, rotations: 0, generation: { id: 1 } })
  })

  it('in a transaction: clear error, and nothing is left', async () => {
    const { prisma, counter } = await connected()
    const transaction = prisma.$transaction(async (tx) => {
      await counter.increment(tx)
      azure.gateway.inject({ at: 'response', action, times: 1 })
      await counter.increment(tx)
    })
    expect(await failureOf(transaction)).toMatchObject(LOST)
    await until(async () => expect(await counter.value()).toBe(0))
    await prisma.$transaction((tx) => counter.increment(tx))
    expect(await counter.value()).toBe(1)
  })

  it('at COMMIT: says that it may have committed, and does not commit again', async () => {
    const { prisma, counter } = await connected()
    const transaction = prisma.$transaction(async (tx) => {
      await counter.increment(tx)
      azure.gateway.inject({ at: 'response', action, times: 1 })
    })
    expect(await failureOf(transaction)).toMatchObject({ meta: { code: 'CONNECTION_LOST' } })
    expect(await counter.value()).toBe(1)
  })

  it('under fifty statements: each has run once, or not at all', async () => {
    const { prisma, counter } = await connected({}, { connectRetryInterval: 50 })
    azure.gateway.inject({ at: 'response', action, times: 10 })
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => counter.increment(prisma)))
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
    for (const { reason } of failed) expect(reason).toMatchObject({ meta: { code: 'CONNECTION_LOST' } })
    const done = outcomes.length - failed.length
    expect(await counter.value()).toBeGreaterThanOrEqual(done)
    expect(await counter.value()).toBeLessThanOrEqual(50)
  })
})

describe('a gateway that drops idle sessions after 30 min', () => {
  const KEPT = { pool: { min: 5, max: 10, idleTimeoutMillis: 2_000_000_000 } }

  it.each(['end', 'reset'] as const)('(%s): whatever comes next is run, on new connections', async (how) => {
    const client = await connected(KEPT)
    await busy(client, 5)
    azure.clock.pass(30 * minute)
    azure.gateway.dropSessions({ idleFor: 30 * minute, how })
    await until(() => expect(client.adapter.stats().connectionsOpen).toBe(0))
    await Promise.all(Array.from({ length: 20 }, () => client.counter.increment(client.prisma)))
    expect(await client.counter.value()).toBe(20)
    expect(client.adapter.stats()).toMatchObject({ rotations: 0, generation: { id: 1 } })
  })

  it('leaves sessions alone that are at work', async () => {
    const client = await connected(KEPT)
    await busy(client, 5)
    azure.clock.pass(30 * minute)
    await client.prisma.$transaction(async (tx) => {
      await client.counter.increment(tx)
      azure.gateway.dropSessions({ idleFor: 30 * minute })
      await until(() => expect(azure.gateway.stats().sessionsOpen).toBe(1))
      await client.counter.increment(tx)
    })
    expect(await client.counter.value()).toBe(2)
  })

  it('and tells of it only when the next statement comes: clear error, not run', async () => {
    const { prisma, counter } = await connected(KEPT)
    azure.clock.pass(30 * minute)
    azure.gateway.inject({ at: 'request', action: { reset: true }, times: 1 })
    expect(await failureOf(counter.increment(prisma))).toMatchObject(LOST)
    expect(await counter.value()).toBe(0)
  })
})

describe('a network that goes silent', () => {
  it.each(MOMENTS)('%s: clear error when its time is up, not run again, and the pool heals', async (_, at, ran) => {
    const { prisma, counter } = await connected({ requestTimeout: 300, options: { cancelTimeout: 300 } })
    azure.gateway.inject({ at, action: { hang: true }, times: 1 })
    expect(await failureOf(counter.increment(prisma))).toMatchObject(TIMED_OUT)
    expect(await counter.value()).toBe(ran)
    await counter.increment(prisma)
    expect(await counter.value()).toBe(ran + 1)
  })
})

describe('a server that goes away', () => {
  it('cuts everything, and takes no connection for a while: what had not been sent waits and runs once', async () => {
    const client = await connected()
    await busy(client, 5)
    azure.gateway.inject({ at: 'accept', action: { reset: true } })
    azure.gateway.dropSessions()
    await until(() => expect(client.adapter.stats().connectionsOpen).toBe(0))
    const waiting = Promise.all(Array.from({ length: 20 }, () => start(client.counter.increment(client.prisma))))
    await client.events.nth(1, 'connect.retry')
    azure.gateway.clearFaults()
    await until(() => {
      azure.clock.pass(1 * second)
      expect(azure.gateway.stats().sessionsOpen).toBeGreaterThan(0)
    })
    await waiting
    expect(await client.counter.value()).toBe(20)
    expect(client.adapter.stats().tokensRequested).toBe(1)
  })
})
