import { ManagedIdentityCredential } from '@azure/identity'
import { describe, expect, it, vi } from 'vitest'
import type { AdapterEvent } from '../../src/index.ts'
import { useDatabase } from './database.ts'

const TOKEN_LIFETIME = 6_000
const ROTATIONS = 3
const MAX = 4

const db = useDatabase({ tokenLifetime: TOKEN_LIFETIME })

describe('rotation', () => {
  it('goes unnoticed by queries and transactions, with tokens of a few seconds', async () => {
    const { authority, gateway } = db.azure
    for (const [name, value] of Object.entries(authority.environment('app-service'))) vi.stubEnv(name, value)
    const events: AdapterEvent[] = []
    const { prisma, adapter } = db.connect(
      { credential: new ManagedIdentityCredential(), onEvent: (event) => events.push(event) },
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
          { maxWait: 10_000, timeout: 10_000 },
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
    expect(mostSessionsOpen).toBeLessThanOrEqual(2 * MAX)
    await vi.waitFor(() => {
      const { tokensRequested, tokensAcquired, refreshesFailed } = adapter.stats()
      expect(refreshesFailed).toBe(0)
      expect(tokensAcquired).toBeGreaterThan(ROTATIONS)
      expect(tokensRequested).toBe(tokensAcquired)
      expect(authority.stats()).toMatchObject({ tokenRequests: tokensRequested, maxInFlight: 1 })
    })
  })

  it('leaves a transaction on its session, and its generation open as long', async () => {
    const { prisma, adapter } = db.connect({ rotation: { maxAge: 1_000 } })
    const session = async (client: Pick<typeof prisma, '$queryRaw'>) => {
      const [row] = await client.$queryRaw<{ id: number }[]>`SELECT @@SPID AS id`
      return row?.id
    }
    await prisma.$transaction(
      async (tx) => {
        const before = await session(tx)
        await tx.tag.create({ data: { name: 'before' } })
        await vi.waitFor(() => expect(adapter.stats().rotations).toBeGreaterThanOrEqual(2), { timeout: 20_000 })
        expect(await session(tx)).toBe(before)
        expect(await session(prisma)).not.toBe(before)
        expect(await prisma.$queryRaw`SELECT @@TRANCOUNT AS count`).toEqual([{ count: 0 }])
        expect(adapter.stats().draining).toMatchObject([{ id: 1, inFlight: 1, connections: 1 }])
        await tx.tag.create({ data: { name: 'after' } })
      },
      { timeout: 30_000 },
    )
    expect(await prisma.tag.count()).toBe(2)
    await vi.waitFor(() => expect(adapter.stats().draining.map(({ id }) => id)).not.toContain(1))
  })

  it('ends every session of a generation that is done', async () => {
    const { prisma, adapter } = db.connect({ rotation: { maxAge: 1_000 } })
    await Promise.all(Array.from({ length: 5 }, () => prisma.user.count()))
    await vi.waitFor(() => expect(adapter.stats().rotations).toBeGreaterThanOrEqual(2), { timeout: 20_000 })
    await vi.waitFor(() => expect(adapter.stats().draining).toEqual([]))
    await vi.waitFor(() => expect(db.azure.gateway.stats().sessionsOpen).toBe(adapter.stats().generation?.connections))
  })
})
