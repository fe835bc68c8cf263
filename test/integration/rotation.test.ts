import { ManagedIdentityCredential } from '@azure/identity'
import { describe, expect, it, vi } from 'vitest'
import type { AdapterEvent } from '../../src/index.ts'
import { useDatabase } from './database.ts'
import { until } from './faults/time.ts'
import { HURRY, hurried } from './hurried.ts'

/** In ms. Three quarters are left after the refresh: a login takes little of that, even on a slow machine. */
const TOKEN_LIFETIME = 30_000
const ROTATIONS = 2
const MAX = 4
const LOGINS_AT_ONCE = 3

const db = useDatabase({ tokenLifetime: TOKEN_LIFETIME })

describe('a rotation', () => {
  it('does not disturb queries and transactions with tokens of a few seconds', async () => {
    const { authority, gateway } = db.azure
    for (const [name, value] of Object.entries(authority.environment('app-service'))) vi.stubEnv(name, value)
    const events: AdapterEvent[] = []
    const { prisma, adapter } = db.connect(
      {
        credential: hurried(new ManagedIdentityCredential()),
        rotation: HURRY,
        onEvent: (event) => events.push(event),
      },
      { pool: { max: MAX } },
    )
    const { id } = await prisma.user.create({ data: { email: 'counter@example.test' } })
    const goingOn = () => adapter.stats().rotations < ROTATIONS

    const read = async () => {
      let queries = 0
      for (; goingOn(); queries++) await prisma.user.findUniqueOrThrow({ where: { id }, include: { posts: true } })
      return queries
    }
    const count = async () => {
      let increments = 0
      for (; goingOn(); increments++) await prisma.user.update({ where: { id }, data: { credits: { increment: 1 } } })
      return increments
    }
    const transact = async () => {
      let transactions = 0
      for (; goingOn(); transactions++) {
        await prisma.$transaction(
          async (tx) => {
            const { credits } = await tx.user.update({ where: { id }, data: { credits: { increment: 1 } } })
            await new Promise((resolve) => setTimeout(resolve, 10))
            const after = await tx.user.findUniqueOrThrow({ where: { id } })
            expect(after.credits).toBe(credits)
          },
          { maxWait: 60_000, timeout: 60_000 },
        )
      }
      return transactions
    }
    const [reads, increments, ...transactions] = await Promise.all([read(), count(), transact(), transact(), read()])
    const written = increments + transactions[0] + transactions[1]

    expect(Math.min(reads, increments, ...transactions)).toBeGreaterThan(0)
    expect((await prisma.user.findUniqueOrThrow({ where: { id } })).credits).toBe(written)
    expect(events.filter(({ type }) => type.endsWith('failed'))).toEqual([])
    const { requestsAfterExpiry, mostSessionsOpen } = gateway.stats()
    expect(requestsAfterExpiry).toBe(0)
    expect(mostSessionsOpen).toBeLessThanOrEqual(MAX + LOGINS_AT_ONCE)
    await until(() => {
      const { tokensRequested, tokensAcquired, refreshesFailed } = adapter.stats()
      expect(refreshesFailed).toBe(0)
      expect(tokensAcquired).toBeGreaterThan(ROTATIONS)
      expect(tokensRequested).toBe(tokensAcquired)
      expect(authority.stats()).toMatchObject({ tokenRequests: tokensRequested, maxInFlight: 1 })
    })
  })

  it('leaves a transaction on its session and closes the session when it ends', async () => {
    const events: AdapterEvent[] = []
    const { prisma, adapter } = db.connect({
      credential: hurried({ getToken: () => db.azure.authority.issueToken() }),
      rotation: HURRY,
      onEvent: (event) => events.push(event),
    })
    const session = async (client: Pick<typeof prisma, '$queryRaw'>) => {
      const [row] = await client.$queryRaw<{ id: number }[]>`SELECT @@SPID AS id`
      return row?.id
    }
    await prisma.$transaction(
      async (tx) => {
        const before = await session(tx)
        await tx.tag.create({ data: { name: 'before' } })
        await until(() => expect(adapter.stats().rotations).toBeGreaterThan(0))
        expect(await session(tx)).toBe(before)
        expect(await session(prisma)).not.toBe(before)
        expect(await prisma.$queryRaw`SELECT @@TRANCOUNT AS count`).toEqual([{ count: 0 }])
        await tx.tag.create({ data: { name: 'after' } })
      },
      { timeout: 120_000 },
    )
    expect(await prisma.tag.count()).toBe(2)
    await until(() => {
      expect(events).toContainEqual(expect.objectContaining({ type: 'connection.closed', connection: 1 }))
    })
    expect(events).not.toContainEqual(expect.objectContaining({ type: 'connection.closed', reason: 'expired' }))
  })

  it('ends every session of an older token', async () => {
    const credential = hurried({ getToken: () => db.azure.authority.issueToken() })
    const { prisma, adapter } = db.connect({ credential, rotation: HURRY })
    await Promise.all(Array.from({ length: 5 }, () => prisma.user.count()))
    await until(async () => {
      await prisma.user.count()
      expect(adapter.stats().rotations).toBeGreaterThan(0)
    })
    await until(() => {
      const { connectionsOpen } = adapter.stats()
      expect(db.azure.gateway.stats().sessionsOpen).toBe(connectionsOpen)
    })
  })
})
