import { describe, expect, it } from 'vitest'
import { createCertificateAuthority, type GatewayOptions, startGateway } from '../../../src/testing/index.ts'
import { failureOf, start, useFaultyAzure, type WatchedClient } from './support.ts'
import { minute, second, until } from './time.ts'

const azure = useFaultyAzure()

/** Paused, moving or busy; 4060 is among them once the database was there. */
const TRANSIENT = [615, 926, 4221, 10928, 10929, 10936, 40197, 40501, 40613, 49918, 49919, 49920]

/** No randomness: the waits are Microsoft's own, and a rotation begins at once. */
const EXACTLY = { random: () => 0 }

const refuse = (number: number, times?: number) =>
  azure.gateway.inject({ at: 'login', action: { refuse: { number } }, ...(times && { times }) })

/** Expects the retries with Microsoft's waits, one after the other, and lets each wait pass. */
async function expectRetries({ events }: WatchedClient, error: object, waits: number[]): Promise<void> {
  for (const [i, retryInMs] of waits.entries()) {
    expect(await events.nth(i + 1, 'connect.retry')).toMatchObject({ attempt: i + 1, retryInMs, error })
    azure.clock.pass(retryInMs)
  }
}

describe('a database that is paused, moving or busy', () => {
  it.each(TRANSIENT)('at connect (%i) is tried again after 5 and 10 s, with one login each', async (number) => {
    refuse(number, 2)
    const client = azure.connect(EXACTLY)
    const query = start(client.prisma.user.count())
    await expectRetries(client, { number }, [5 * second, 10 * second])
    expect(await query).toBe(0)
    expect(azure.gateway.stats().loginFailures).toEqual({ [number]: 2 })
    expect(client.adapter.stats()).toMatchObject({ tokensRequested: 1, generation: { id: 1 } })
  })

  it.each([
    ['4060', 4060, 10],
    ['40613', 40613, 10],
    ['40613, with more queries than the pool has connections', 40613, 20],
  ])('that was there before is waited for by all queries, with few logins (%s)', async (_, number, queries) => {
    const client = azure.connect({ ...EXACTLY, rotation: { connectRetryTimeout: 5 * minute } })
    await client.prisma.user.count()
    azure.gateway.dropSessions()
    await until(() => expect(client.adapter.stats().connectionsOpen).toBe(0))
    azure.gateway.resetStats()
    refuse(number)
    const waiting = Array.from({ length: queries }, () => start(client.prisma.user.count()))
    const outcomes = Promise.allSettled(waiting)
    // The fourth comes after 35 s.
    for (const attempt of [1, 2, 3, 4]) {
      const { retryInMs } = await client.events.nth(attempt, 'connect.retry')
      if (attempt === 4) azure.gateway.clearFaults()
      azure.clock.pass(retryInMs)
    }
    expect(await outcomes).toEqual(Array.from({ length: queries }, () => ({ status: 'fulfilled', value: 0 })))
    // Those that the pool had under way when the first was refused, and one for each wait.
    expect(azure.gateway.stats().loginFailures[number]).toBeLessThanOrEqual(10 + 4)
    expect(client.adapter.stats().tokensRequested).toBe(1)
  })

  it('is given up after a minute, with the server’s number and words', async () => {
    refuse(40613)
    const client = azure.connect(EXACTLY)
    const connecting = failureOf(client.adapter.connect())
    await expectRetries(client, { number: 40613 }, [5 * second, 10 * second, 20 * second])
    // What is left of the minute.
    const { retryInMs } = await client.events.nth(4, 'connect.retry')
    expect(retryInMs).toBeLessThanOrEqual(25 * second)
    azure.clock.pass(25 * second)
    expect(await connecting).toMatchObject({
      code: 'P1001',
      meta: { code: 'DATABASE_UNAVAILABLE', number: 40613 },
      message: expect.stringContaining('(error 40613, state 1)'),
    })
    expect(azure.gateway.stats().loginFailures).toEqual({ 40613: 5 })
  })

  it('with a name that was never there (4060) is not waited for', async () => {
    refuse(4060, 1)
    const { adapter, events } = azure.connect()
    expect(await failureOf(adapter.connect())).toMatchObject({
      code: 'P1003',
      meta: { code: 'DATABASE_NOT_FOUND', number: 4060 },
    })
    expect(events.of('connect.retry')).toEqual([])
    expect(azure.gateway.stats().loginFailures).toEqual({ 4060: 1 })
  })

  it('at its limit (10928) is served over the connections that there are, with few logins', async () => {
    const { prisma } = azure.connect(EXACTLY)
    await prisma.user.count()
    refuse(10928)
    const counts = await Promise.all(Array.from({ length: 100 }, () => prisma.user.count()))
    expect(counts).toEqual(Array.from({ length: 100 }, () => 0))
    expect(azure.gateway.stats().loginFailures[10928]).toBeLessThanOrEqual(10)
  })
})

describe('a server that cannot be reached', () => {
  it('is tried again with the same waits, and works as soon as it is there', async () => {
    const certificates = await createCertificateAuthority()
    const certificate = await certificates.issue({ hosts: ['localhost'] })
    const options: GatewayOptions = {
      upstream: azure.db.azure.upstream,
      verification: azure.authority.verification,
      tls: { ...certificate, ca: certificates.certificate },
      clock: azure.clock,
    }
    const away = await startGateway(options)
    await away.close()
    const client = azure.connect(EXACTLY, {
      port: away.port,
      options: { cryptoCredentialsDetails: { ca: certificates.certificate } },
    })
    const query = start(client.prisma.user.count())
    await expectRetries(client, { code: 'SERVER_UNREACHABLE' }, [5 * second, 10 * second])
    const last = await client.events.nth(3, 'connect.retry')
    const back = await startGateway({ ...options, port: away.port })
    try {
      azure.clock.pass(last.retryInMs)
      expect(await query).toBe(0)
      expect(client.adapter.stats()).toMatchObject({ tokensRequested: 1, generation: { id: 1 } })
      await client.prisma.$disconnect()
    } finally {
      await back.close()
    }
  })

  it('is given up after a minute', async () => {
    azure.gateway.inject({ at: 'accept', action: { reset: true } })
    const { adapter, events } = azure.connect()
    const connecting = failureOf(adapter.connect())
    await events.nth(1, 'connect.retry')
    await until(() => {
      azure.clock.pass(0.2 * minute)
      expect(events.of('connect.retry').length).toBeGreaterThan(3)
    })
    azure.clock.pass(1 * minute)
    expect(await connecting).toMatchObject({ code: 'P1001' })
  })
})
