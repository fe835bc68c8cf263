import { describe, expect, it } from 'vitest'
import type { FaultAction } from '../../../src/testing/index.ts'
import { Counter } from './counter.ts'
import { failureOf, minute, second, start, until, useFaultyAzure } from './support.ts'

const azure = useFaultyAzure()

const CUTS: [string, FaultAction][] = [
  ['closes the socket', { drop: true }],
  ['resets it', { reset: true }],
]

const LOST = {
  meta: { code: 'CONNECTION_LOST' },
  message: expect.stringMatching(/lost while a statement was under way.*not run again/),
}

const TIMED_OUT = {
  meta: { code: 'STATEMENT_TIMEOUT' },
  message: expect.stringMatching(/not run again.*may have run/s),
}

async function connected(config: Parameters<typeof azure.connect>[1] = {}) {
  const client = azure.connect({}, config)
  await client.prisma.user.count()
  return { ...client, counter: await Counter.in(azure) }
}

/** Opens so many connections. */
async function busy({ prisma }: Pick<Awaited<ReturnType<typeof connected>>, 'prisma'>, connections: number) {
  await Promise.all(Array.from({ length: connections }, () => prisma.$executeRaw`WAITFOR DELAY '00:00:00.200'`))
  expect(azure.gateway.stats().sessionsOpen).toBe(connections)
}

describe('a server that cuts the connection', () => {
  it.each(CUTS)('before the statement came to it (%s): clear error, not run, and the pool heals', async (_, action) => {
    const { prisma, adapter, counter } = await connected()
    azure.gateway.inject({ at: 'request', action, times: 1 })
    expect(await failureOf(counter.increment(prisma))).toMatchObject(LOST)
    expect(await counter.value()).toBe(0)
    await counter.increment(prisma)
    expect(await counter.value()).toBe(1)
    expect(adapter.stats()).toMatchObject({ tokensRequested: 1, rotations: 0, generation: { id: 1 } })
  })

  it.each(CUTS)('after the statement has run (%s): clear error, run once, and the pool heals', async (_, action) => {
    const { prisma, adapter, counter } = await connected()
    azure.gateway.inject({ at: 'response', action, times: 1 })
    expect(await failureOf(counter.increment(prisma))).toMatchObject(LOST)
    expect(await counter.value()).toBe(1)
    await counter.increment(prisma)
    expect(await counter.value()).toBe(2)
    expect(adapter.stats()).toMatchObject({ tokensRequested: 1, rotations: 0, generation: { id: 1 } })
  })

  it.each(CUTS)('in a transaction (%s): clear error, and nothing is left', async (_, action) => {
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

  it.each(CUTS)('at COMMIT (%s): says that it may have committed, and does not commit again', async (_, action) => {
    const { prisma, counter } = await connected()
    const transaction = prisma.$transaction(async (tx) => {
      await counter.increment(tx)
      azure.gateway.inject({ at: 'response', action, times: 1 })
    })
    expect(await failureOf(transaction)).toMatchObject({ meta: { code: 'CONNECTION_LOST' } })
    expect(await counter.value()).toBe(1)
  })

  it.each(CUTS)('under fifty statements (%s): each has run once, or not at all', async (_, action) => {
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
  const IMPATIENT = { requestTimeout: 300, options: { cancelTimeout: 300 } }

  it('before the statement came to the server: clear error after the request’s timeout, not run, and the pool heals', async () => {
    const { prisma, counter } = await connected(IMPATIENT)
    azure.gateway.inject({ at: 'request', action: { hang: true }, times: 1 })
    expect(await failureOf(counter.increment(prisma))).toMatchObject(TIMED_OUT)
    expect(await counter.value()).toBe(0)
    await counter.increment(prisma)
    expect(await counter.value()).toBe(1)
  })

  it('after the statement has run: clear error after the request’s timeout, run once, and the pool heals', async () => {
    const { prisma, counter } = await connected(IMPATIENT)
    azure.gateway.inject({ at: 'response', action: { hang: true }, times: 1 })
    expect(await failureOf(counter.increment(prisma))).toMatchObject(TIMED_OUT)
    expect(await counter.value()).toBe(1)
    await counter.increment(prisma)
    expect(await counter.value()).toBe(2)
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
