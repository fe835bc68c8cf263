import { describe, expect, it } from 'vitest'
import { countingClock } from '../support/counting-clock.ts'
import { failureOf, useFaultyAzure } from './faults/support.ts'
import { until } from './faults/time.ts'

const azure = useFaultyAzure()

const sockets = () => process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Connect/.test(kind)).length

describe('the first query', () => {
  it.each([false, true])('uses the login that was started for it and no other (eager: %s)', async (eager) => {
    const { prisma, adapter } = azure.connect({ eager })
    await prisma.$connect()
    expect(azure.gateway.stats().logins).toBe(1)
    await adapter.warmUp()
    await prisma.user.count()
    await prisma.user.count()
    expect(azure.gateway.stats()).toMatchObject({ logins: 1, sessionsOpen: 1 })
    expect(adapter.stats().tokensRequested).toBe(1)
  })

  it('does not start a second login while the first is in progress', async () => {
    const login = azure.gateway.inject({ at: 'login', action: { delay: 300 } })
    const { prisma, adapter } = azure.connect({ eager: true })
    await until(() => expect(login.hits).toBe(1))
    await prisma.$connect()
    await prisma.user.count()
    expect([azure.gateway.stats().logins, adapter.stats().tokensRequested]).toEqual([1, 1])
  })

  it('fails with the error of an earlier warm-up if it persists', async () => {
    azure.gateway.inject({ at: 'login', action: { refuse: { number: 4060 } } })
    const { prisma, adapter } = azure.connect({ eager: true })
    await expect(adapter.warmUp()).rejects.toMatchObject({ cause: { number: 4060 } })
    await expect(prisma.user.count()).rejects.toMatchObject({ message: expect.stringContaining('error 4060') })
    azure.gateway.clearFaults()
    expect(await prisma.user.count()).toBe(0)
  })
})

describe('warmUp()', () => {
  it('opens one connection if called twice and again after a client is connected', async () => {
    const { prisma, adapter } = azure.connect()
    await Promise.all([adapter.warmUp(), adapter.warmUp()])
    expect(adapter.stats()).toMatchObject({ tokensRequested: 1, connectionsOpen: 1 })
    await prisma.user.count()
    await adapter.warmUp()
    expect(azure.gateway.stats()).toMatchObject({ logins: 1, sessionsOpen: 1 })
  })

  it('warms up for the next $connect if called after $disconnect', async () => {
    const { prisma, adapter } = azure.connect({ eager: true })
    await prisma.user.count()
    await prisma.$disconnect()
    expect(adapter.stats().connectionsOpen).toBe(0)
    await adapter.warmUp()
    azure.gateway.resetStats()
    expect(await prisma.user.count()).toBe(0)
    expect(azure.gateway.stats().logins).toBe(0)
  })

  it.each(['accept', 'prelogin', 'tls', 'login'] as const)(
    'leaves nothing behind if it ends while a login hangs at %s',
    async (at) => {
      const before = sockets()
      for (const taken of [true, false]) {
        const clock = countingClock()
        const hang = azure.gateway.inject({ at, action: { hang: true } })
        const { prisma, adapter } = azure.connect({ eager: true, clock })
        await until(() => expect(hang.hits).toBe(1))
        if (taken) {
          const query = failureOf(prisma.user.count())
          await until(() => expect(adapter.stats().waiting).toBeGreaterThan(0))
          await adapter.dispose()
          await prisma.$disconnect()
          expect(await query).toMatchObject({ code: 'CLOSED' })
        } else await adapter.dispose()
        expect(clock.timers).toBe(0)
        expect(adapter.stats()).toMatchObject({ connectionsOpen: 0, connecting: 0 })
        azure.gateway.clearFaults()
      }
      await until(() => expect(azure.gateway.stats().sessionsOpen).toBe(0))
      await until(() => expect(sockets()).toBeLessThanOrEqual(before))
    },
  )
})

describe('the connection info of an eager adapter before it has a connection', () => {
  it('equals that of the official adapter', async () => {
    const { adapter } = azure.connect({ eager: true, schema: 'dbo' })
    const early = await adapter.connect()
    const before = early.getConnectionInfo?.()
    await early.queryRaw({ sql: 'SELECT 1', args: [], argTypes: [] })
    expect(before).toEqual(early.getConnectionInfo?.())
    expect(before).toMatchObject({ schemaName: 'dbo' })
    await early.dispose()
  })
})
