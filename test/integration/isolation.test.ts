import { beforeEach, describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.ts'
import { useDatabase } from './database.ts'
import { Meeting } from './meeting.ts'

const db = useDatabase()

/** Long enough for SQL Server to find a deadlock: it checks at least every 5 s. */
const LONG = { timeout: 30_000, maxWait: 30_000 }

let one: number
let two: number

beforeEach(async () => {
  one = (await db.prisma.user.create({ data: { email: 'one@example.test', credits: 1 } })).id
  two = (await db.prisma.user.create({ data: { email: 'two@example.test', credits: 1 } })).id
})

type Client = Pick<typeof db.prisma, 'user'>
const credits = async (client: Client, id: number) => (await client.user.findUniqueOrThrow({ where: { id } })).credits
const set = (client: Client, id: number, value: number) =>
  client.user.update({ where: { id }, data: { credits: value } })

describe('isolation levels', () => {
  it.each(Object.values(Prisma.TransactionIsolationLevel).filter((level) => level !== 'Snapshot'))(
    '%s allows reads and writes',
    async (isolationLevel) => {
      await db.prisma.$transaction(async (tx) => set(tx, one, (await credits(tx, one)) + 1), { isolationLevel })
      const [first] = await db.prisma.$transaction([db.prisma.user.findUnique({ where: { id: one } })], {
        isolationLevel,
      })
      expect(first?.credits).toBe(2)
    },
  )

  it('ReadCommitted sees changes that others commit meanwhile', async () => {
    const seen = await db.prisma.$transaction(
      async (tx) => {
        const before = await credits(tx, one)
        await set(db.prisma, one, 2)
        return [before, await credits(tx, one)]
      },
      { ...LONG, isolationLevel: 'ReadCommitted' },
    )
    expect(seen).toEqual([1, 2])
  })

  it.each(['RepeatableRead', 'Serializable'] as const)('%s reads the same twice', async (isolationLevel) => {
    let write: Promise<unknown> | undefined
    const seen = await db.prisma.$transaction(
      async (tx) => {
        const before = await credits(tx, one)
        // The server may block it with locks or hide it with row versions.
        write = set(db.prisma, one, 2)
        await Promise.race([write, new Promise((resolve) => setTimeout(resolve, 300))])
        return [before, await credits(tx, one)]
      },
      { ...LONG, isolationLevel },
    )
    await write
    expect(seen).toEqual([1, 1])
    expect(await credits(db.prisma, one)).toBe(2)
  })

  // Prisma Client rejects Snapshot (P2028) before it calls the adapter.
  it('Snapshot reads the same twice and blocks nobody, if the database allows it', async ({ skip }) => {
    const adapter = await db.connect().adapter.connect()
    const sql = `SELECT [credits] FROM [dbo].[User] WHERE [id] = ${one}`
    try {
      const transaction = await adapter.startTransaction('SNAPSHOT')
      const read = async () => (await transaction.queryRaw({ sql, args: [], argTypes: [] })).rows[0]?.[0]
      const before = await read().catch((error: unknown) => error)
      if (JSON.stringify(before)?.includes('3952')) skip('ALLOW_SNAPSHOT_ISOLATION is off in this database')
      await set(db.prisma, one, 2)
      expect([before, await read()]).toEqual([1, 1])
      await transaction.commit()
    } finally {
      await adapter.dispose()
    }
  })

  it('hide uncommitted changes', async () => {
    let reading: Promise<number> | undefined
    await expect(
      db.prisma.$transaction(async (tx) => {
        await set(tx, one, 99)
        reading = credits(db.prisma, one)
        await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 300))])
        throw new Error('never mind')
      }, LONG),
    ).rejects.toThrow('never mind')
    expect(await reading).toBe(1)
  })
})

describe('a conflict', () => {
  it('in a deadlock gives one transaction P2034, and the other commits', async () => {
    const meeting = new Meeting(2)
    const change = (first: number, second: number, value: number) =>
      db.prisma.$transaction(async (tx) => {
        await set(tx, first, value)
        await meeting.arrive()
        await set(tx, second, value)
      }, LONG)
    const results = await Promise.allSettled([change(one, two, 10), change(two, one, 20)])
    const failed = results.filter((result) => result.status === 'rejected')
    expect(failed).toHaveLength(1)
    expect(failed[0]?.reason).toMatchObject({ code: 'P2034' })
    const winner = results[0].status === 'fulfilled' ? 10 : 20
    expect([await credits(db.prisma, one), await credits(db.prisma, two)]).toEqual([winner, winner])
    const again = await db.prisma.$transaction([set(db.prisma, one, 5), set(db.prisma, two, 5)])
    expect(again).toHaveLength(2)
  })

  it('between two Serializable transactions that change what the other read lets only one commit', async () => {
    const meeting = new Meeting(2)
    const change = (id: number, other: number) =>
      db.prisma.$transaction(
        async (tx) => {
          await credits(tx, other)
          await meeting.arrive()
          await set(tx, id, 0)
        },
        { ...LONG, isolationLevel: 'Serializable' },
      )
    const results = await Promise.allSettled([change(one, two), change(two, one)])
    const failed = results.filter((result) => result.status === 'rejected')
    expect(failed).toHaveLength(1)
    expect(failed[0]?.reason).toMatchObject({ code: 'P2034' })
  })

  it('over a lock gives error 1222 when the lock times out', async () => {
    const { prisma } = db
    await prisma.$transaction(async (tx) => {
      await set(tx, one, 7)
      await expect(
        prisma.$executeRaw`SET LOCK_TIMEOUT 100; UPDATE [User] SET [credits] = ${8} WHERE [id] = ${one}`,
      ).rejects.toMatchObject({
        code: 'P2010',
        message: expect.stringContaining('Lock request time out period exceeded.'),
        meta: { driverAdapterError: expect.objectContaining({ cause: expect.objectContaining({ code: 1222 }) }) },
      })
    }, LONG)
    expect(await credits(prisma, one)).toBe(7)
  })
})
