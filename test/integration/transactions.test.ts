import { describe, expect, it } from 'vitest'
import { useDatabase } from './database.ts'

const db = useDatabase()

type Queries = Pick<typeof db.prisma, '$queryRaw'>
const sessionOf = async (client: Queries) => {
  const [row] = await client.$queryRaw<{ id: number }[]>`SELECT @@SPID AS id`
  return row?.id
}
const names = async () => (await db.prisma.tag.findMany({ orderBy: { name: 'asc' } })).map(({ name }) => name)
const create = (name: string) => db.prisma.tag.create({ data: { name } })

describe('a list of queries', () => {
  it('is committed as a whole and returns the result of each', async () => {
    const [a, b, count] = await db.prisma.$transaction([create('a'), create('b'), db.prisma.tag.count()])
    expect([a.name, b.name, count]).toEqual(['a', 'b', 2])
    expect(await names()).toEqual(['a', 'b'])
  })

  it('is rolled back as a whole', async () => {
    await expect(db.prisma.$transaction([create('a'), create('b'), create('A')])).rejects.toMatchObject({
      code: 'P2002',
    })
    expect(await names()).toEqual([])
  })
})

describe('an interactive transaction', () => {
  it('is committed and returns its function’s result', async () => {
    const result = await db.prisma.$transaction(async (tx) => {
      await tx.tag.create({ data: { name: 'a' } })
      await tx.tag.update({ where: { name: 'a' }, data: { name: 'b' } })
      return tx.tag.count()
    })
    expect(result).toBe(1)
    expect(await names()).toEqual(['b'])
  })

  it('is rolled back when its function throws', async () => {
    const reason = new Error('changed my mind')
    await expect(
      db.prisma.$transaction(async (tx) => {
        await tx.tag.create({ data: { name: 'a' } })
        throw reason
      }),
    ).rejects.toBe(reason)
    expect(await names()).toEqual([])
  })

  it('is rolled back when a query in it fails', async () => {
    await create('taken')
    await expect(
      db.prisma.$transaction(async (tx) => {
        await tx.tag.create({ data: { name: 'a' } })
        await tx.tag.create({ data: { name: 'taken' } })
      }),
    ).rejects.toMatchObject({ code: 'P2002' })
    expect(await names()).toEqual(['taken'])
  })

  it('continues after a failed query if its function does', async () => {
    await create('taken')
    await db.prisma.$transaction(async (tx) => {
      await tx.tag.create({ data: { name: 'a' } })
      await expect(tx.tag.create({ data: { name: 'TAKEN' } })).rejects.toMatchObject({ code: 'P2002' })
      await tx.tag.create({ data: { name: 'b' } })
    })
    expect(await names()).toEqual(['a', 'b', 'taken'])
  })

  it('runs all its queries on one session', async () => {
    const sessions = await db.prisma.$transaction(async (tx) => {
      const first = await sessionOf(tx)
      await tx.tag.create({ data: { name: 'a', posts: { create: { title: 'x', slug: 'x' } } } })
      const rest = await Promise.all([sessionOf(tx), sessionOf(tx), sessionOf(tx)])
      return [first, ...rest]
    })
    expect(sessions[0]).toBeGreaterThan(0)
    expect(new Set(sessions).size).toBe(1)
  })

  it('has its own session', async () => {
    const [one, two, outside] = await db.prisma.$transaction(async (tx) => {
      const one = await sessionOf(tx)
      const two = await db.prisma.$transaction((other) => sessionOf(other))
      return [one, two, await sessionOf(db.prisma)]
    })
    expect(two).not.toBe(one)
    expect(outside).not.toBe(one)
  })

  it('is rolled back when it times out', async () => {
    await expect(
      db.prisma.$transaction(
        async (tx) => {
          await tx.tag.create({ data: { name: 'a' } })
          await new Promise((resolve) => setTimeout(resolve, 600))
          await tx.tag.create({ data: { name: 'b' } })
        },
        { timeout: 500 },
      ),
    ).rejects.toMatchObject({ code: 'P2028' })
    expect(await names()).toEqual([])
  })

  it('leaves nothing open if many fail', async () => {
    const { prisma, adapter } = db.connect({}, { pool: { max: 2 } })
    const attempts = Array.from({ length: 10 }, (_, index) =>
      prisma.$transaction(
        async (tx) => {
          await tx.tag.create({ data: { name: `t${index}` } })
          if (index % 2 === 0) throw new Error('no')
        },
        { maxWait: 30_000, timeout: 30_000 },
      ),
    )
    const results = await Promise.allSettled(attempts)
    expect(results.map(({ status }) => status)).toEqual(Array(5).fill(['rejected', 'fulfilled']).flat())
    expect(await prisma.tag.count()).toBe(5)
    expect(adapter.stats().inFlight).toBe(0)
    const open = await prisma.$queryRaw<{ count: number }[]>`SELECT @@TRANCOUNT AS count`
    expect(open).toEqual([{ count: 0 }])
  })
})

describe('a nested transaction', () => {
  it('is rolled back alone, to where it began', async () => {
    await db.prisma.$transaction(async (tx) => {
      await tx.tag.create({ data: { name: 'outer' } })
      await expect(
        tx.$transaction(async (inner) => {
          await inner.tag.create({ data: { name: 'inner' } })
          throw new Error('inner only')
        }),
      ).rejects.toThrow('inner only')
      await tx.$transaction(async (inner) => {
        await inner.tag.create({ data: { name: 'second' } })
      })
    })
    expect(await names()).toEqual(['outer', 'second'])
  })

  it('is rolled back with the outer one', async () => {
    await expect(
      db.prisma.$transaction(async (tx) => {
        await tx.$transaction((inner) => inner.tag.create({ data: { name: 'inner' } }))
        throw new Error('outer')
      }),
    ).rejects.toThrow('outer')
    expect(await names()).toEqual([])
  })
})
