import { describe, expect, it } from 'vitest'
import { createCertificateAuthority, type GatewayOptions, startGateway } from '../../../src/testing/index.ts'
import { failureOf, start, useFaultyAzure } from './support.ts'
import { until } from './time.ts'

const azure = useFaultyAzure()

/** Paused, moving or busy. 4060 counts too once the database was open. */
const TRANSIENT = [615, 926, 4221, 10928, 10929, 10936, 40197, 40501, 40613, 49918, 49919, 49920]

/** The first wait is 50 ms instead of 500. */
const SOON = { rotation: { connectRetryInterval: 50 } }

const refuse = (number: number, times?: number) =>
  azure.gateway.inject({ at: 'login', action: { refuse: { number } }, ...(times && { times }) })

/** A client whose connections were cut and whose next logins are refused. */
async function cutAndRefused(number: number) {
  const client = azure.connect(SOON)
  await client.prisma.user.count()
  azure.gateway.dropSessions()
  await until(() => expect(client.adapter.stats().connectionsOpen).toBe(0))
  azure.gateway.resetStats()
  refuse(number)
  return client
}

describe('a login to a database that is paused, moving or busy', () => {
  it.each(TRANSIENT)('is retried with the same token (error %i)', async (number) => {
    refuse(number, 2)
    const { prisma, adapter, events } = azure.connect(SOON)
    expect(await prisma.user.count()).toBe(0)
    expect(azure.gateway.stats().loginFailures).toEqual({ [number]: 2 })
    expect(events.of('connect.retry')).toMatchObject([
      { attempt: 1, error: { number } },
      { attempt: 2, error: { number } },
    ])
    expect(adapter.stats()).toMatchObject({ tokensRequested: 1, connectionsOpen: 1 })
  })

  it.each([
    [4060, 10],
    [40613, 10],
    [40613, 20],
  ])('that was open before (error %i) is retried by one login for all %i queries', async (number, queries) => {
    const { prisma, adapter, events } = await cutAndRefused(number)
    const waiting = Array.from({ length: queries }, () => start(prisma.user.count()))
    await events.nth(3, 'connect.retry')
    azure.gateway.clearFaults()
    expect(await Promise.all(waiting)).toEqual(Array.from({ length: queries }, () => 0))
    // The logins in progress at the first refusal, and one for each wait.
    const attempts = events.of('connect.retry').length
    expect(azure.gateway.stats().loginFailures[number]).toBeLessThanOrEqual(10 + attempts)
    expect(adapter.stats().tokensRequested).toBe(1)
  })

  it('fails after connectRetryTimeout with the server’s error number and text', async () => {
    refuse(40613)
    const { adapter } = azure.connect({ rotation: { connectRetryInterval: 50, connectRetryTimeout: 2_000 } })
    expect(await failureOf(adapter.connect())).toMatchObject({
      code: 'P1001',
      meta: { code: 'DATABASE_UNAVAILABLE', number: 40613 },
      message: expect.stringContaining('(error 40613, state 1)'),
    })
    expect(azure.gateway.stats().loginFailures[40613]).toBeGreaterThan(1)
  })

  it('is not retried if the client has never opened the database (error 4060)', async () => {
    refuse(4060, 1)
    const { adapter, events } = azure.connect()
    expect(await failureOf(adapter.connect())).toMatchObject({
      code: 'P1003',
      meta: { code: 'DATABASE_NOT_FOUND', number: 4060 },
    })
    expect(events.of('connect.retry')).toEqual([])
    expect(azure.gateway.stats().loginFailures).toEqual({ 4060: 1 })
  })

  it('leaves the queries to the existing connections (error 10928)', async () => {
    // On a slow machine the queries take longer than the usual waits, and more logins would be tried meanwhile.
    const { prisma } = azure.connect({ rotation: { connectRetryInterval: 60_000 } })
    await prisma.user.count()
    refuse(10928)
    const counts = await Promise.all(Array.from({ length: 100 }, () => prisma.user.count()))
    expect(counts).toEqual(Array.from({ length: 100 }, () => 0))
    expect(azure.gateway.stats().loginFailures[10928]).toBeLessThanOrEqual(10)
  })
})

describe('a login to a server that cannot be reached', () => {
  it('is retried and succeeds as soon as the server is up', async () => {
    const certificates = await createCertificateAuthority()
    const certificate = await certificates.issue({ hosts: ['localhost'] })
    const options: GatewayOptions = {
      upstream: azure.db.azure.upstream,
      verification: azure.authority.verification,
      tls: { ...certificate, ca: certificates.certificate },
    }
    const away = await startGateway(options)
    await away.close()
    const { prisma, adapter, events } = azure.connect(
      { rotation: { ...SOON.rotation, connectRetryTimeout: 60_000 } },
      {
        port: away.port,
        options: { cryptoCredentialsDetails: { ca: certificates.certificate } },
      },
    )
    const query = start(prisma.user.count())
    expect(await events.nth(2, 'connect.retry')).toMatchObject({ error: { code: 'SERVER_UNREACHABLE' } })
    const back = await startGateway({ ...options, port: away.port })
    try {
      expect(await query).toBe(0)
      expect(adapter.stats()).toMatchObject({ tokensRequested: 1, connectionsOpen: 1 })
      await prisma.$disconnect()
    } finally {
      await back.close()
    }
  })

  it('fails after connectRetryTimeout', async () => {
    azure.gateway.inject({ at: 'accept', action: { reset: true } })
    const { adapter, events } = azure.connect({ rotation: { connectRetryInterval: 50, connectRetryTimeout: 2_000 } })
    expect(await failureOf(adapter.connect())).toMatchObject({ code: 'P1001' })
    expect(events.of('connect.retry').length).toBeGreaterThan(0)
  })
})
