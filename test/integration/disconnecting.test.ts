import { describe, expect, it } from 'vitest'
import { countingClock } from '../support/counting-clock.ts'
import { useDatabase } from './database.ts'
import { until } from './faults/time.ts'

const db = useDatabase()

const sockets = () => process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Connect/.test(kind)).length

describe('$disconnect', () => {
  it('leaves no session, socket or timer', async () => {
    const { gateway } = db.azure
    const before = { sockets: sockets(), sessions: gateway.stats().sessionsOpen }
    const clock = countingClock()
    const { prisma, adapter } = db.connect({ clock, rotation: { maxAge: 10_000 } })
    await Promise.all(Array.from({ length: 5 }, () => prisma.user.count()))
    expect(gateway.stats().sessionsOpen).toBeGreaterThan(before.sessions)
    expect(sockets()).toBeGreaterThan(before.sockets)
    expect(clock.timers).toBeGreaterThan(0)

    await prisma.$disconnect()
    expect(clock.timers).toBe(0)
    expect(adapter.stats()).toMatchObject({ connectionsOpen: 0, connecting: 0, inFlight: 0 })
    await until(() => expect(gateway.stats().sessionsOpen).toBeLessThanOrEqual(before.sessions))
    await until(() => expect(sockets()).toBeLessThanOrEqual(before.sockets))
  })

  it('lets running work finish', async () => {
    const { prisma, adapter } = db.connect()
    const { id } = await db.prisma.tag.create({ data: { name: 'x' } })
    const held = await db.prisma.$transaction(
      async (tx) => {
        await tx.tag.update({ where: { id }, data: { name: 'y' } })
        // A single statement: Prisma Client cancels transactions when it disconnects, even implicit ones.
        const waiting = prisma.$executeRaw`UPDATE [Tag] SET [name] = 'z' WHERE [id] = ${id}`.then((count) => count)
        await until(() => expect(adapter.stats().inFlight).toBe(1))
        return [waiting, prisma.$disconnect()] as const
      },
      { timeout: 30_000 },
    )
    expect(await held[0]).toBe(1)
    await held[1]
    expect(adapter.stats().connectionsOpen).toBe(0)
  })

  it('can be followed by $connect, or by queries without it', async () => {
    const { prisma } = db.connect()
    await prisma.$connect()
    await prisma.$disconnect()
    await prisma.$connect()
    expect(await prisma.user.count()).toBe(0)
    await prisma.$disconnect()
    expect(await prisma.user.count()).toBe(0)
  })

  it('of one client does not affect another on the same adapter', async () => {
    const { PrismaClient } = await import('../../generated/prisma/client.ts')
    const { prisma, adapter } = db.connect()
    const other = new PrismaClient({ adapter })
    await Promise.all([prisma.$connect(), other.$connect()])
    await other.$disconnect()
    expect(await prisma.user.count()).toBe(0)
    expect(adapter.stats().connectionsOpen).toBeGreaterThan(0)
  })
})
