import { describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.ts'
import { useDatabase } from './database.ts'

const db = useDatabase()

describe('$queryRaw', () => {
  it('returns values of each type', async () => {
    const rows = await db.prisma.$queryRaw`
      SELECT CAST(1 AS INT) AS i, CAST(9007199254740993 AS BIGINT) AS b, CAST(1.5 AS FLOAT) AS f,
        CAST('12.34' AS DECIMAL(10, 2)) AS d, CAST(1 AS BIT) AS t, N'Zoë' AS s, NULL AS n,
        CAST('2024-01-02 03:04:05.678' AS DATETIME2) AS dt, CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS UNIQUEIDENTIFIER) AS u,
        CAST(0x0102 AS VARBINARY(10)) AS x`
    expect(rows).toEqual([
      {
        i: 1,
        b: 9007199254740993n,
        f: 1.5,
        d: new Prisma.Decimal('12.34'),
        t: true,
        s: 'Zoë',
        n: null,
        dt: new Date('2024-01-02T03:04:05.678Z'),
        u: '6f9619ff-8b86-d011-b42d-00c04fc964ff',
        x: Uint8Array.of(1, 2),
      },
    ])
  })

  it('accepts parameters and never treats them as SQL', async () => {
    const hostile = `x'; DROP TABLE [User]; --`
    const rows = await db.prisma
      .$queryRaw`SELECT ${hostile} AS s, ${42} AS i, ${9007199254740991n} AS b, ${1.5} AS f, ${true} AS t, ${null} AS n`
    expect(rows).toEqual([{ s: hostile, i: 42, b: 9007199254740991n, f: 1.5, t: true, n: null }])
  })

  it('accepts lists and SQL fragments', async () => {
    await db.prisma.tag.createMany({ data: ['a', 'b', 'c'].map((name) => ({ name })) })
    const rows = await db.prisma.$queryRaw<{ name: string }[]>`
      SELECT ${Prisma.raw('[name]')} FROM [Tag] WHERE [name] IN (${Prisma.join(['A', 'c'])}) ORDER BY [name]`
    expect(rows).toEqual([{ name: 'a' }, { name: 'c' }])
  })

  it('runs a join, a condition and a common table expression', async () => {
    const user = await db.prisma.user.create({
      data: {
        email: 'a@example.test',
        posts: {
          create: [
            { title: 'One', slug: 'one', views: 3 },
            { title: 'Two', slug: 'two', views: 4 },
          ],
        },
      },
    })
    const rows = await db.prisma.$queryRaw`
      WITH [total] AS (SELECT [authorId], SUM([views]) AS [views] FROM [Post] GROUP BY [authorId])
      SELECT u.[email], t.[views], CASE WHEN t.[views] > ${5} THEN 'many' ELSE 'few' END AS [much]
      FROM [dbo].[User] AS u INNER JOIN [total] AS t ON t.[authorId] = u.[id] WHERE u.[id] = ${user.id}`
    expect(rows).toEqual([{ email: 'a@example.test', views: 7, much: 'many' }])
  })

  it('accepts unsafe text with parameters', async () => {
    expect(await db.prisma.$queryRawUnsafe('SELECT @P1 + @P2 AS sum', 20, 22)).toEqual([{ sum: 42 }])
  })
})

describe('$executeRaw', () => {
  it('returns the number of changed rows', async () => {
    await db.prisma.tag.createMany({ data: ['a', 'b', 'c'].map((name) => ({ name })) })
    expect(await db.prisma.$executeRaw`UPDATE [Tag] SET [name] = [name] + ${'!'} WHERE [name] > ${'A'}`).toBe(2)
    expect(await db.prisma.$executeRaw`DELETE FROM [Tag] WHERE [name] = ${'none'}`).toBe(0)
    expect(await db.prisma.tag.findMany({ orderBy: { name: 'asc' }, select: { name: true } })).toEqual([
      { name: 'a' },
      { name: 'b!' },
      { name: 'c!' },
    ])
  })
})
