import { describe, expect, it } from 'vitest'
import { useSeededDatabase } from './fixtures.ts'

const { db, people } = useSeededDatabase()

describe('aggregate', () => {
  it('counts, sums, averages, and finds minimum and maximum', async () => {
    const result = await db.prisma.post.aggregate({
      _count: { _all: true, rating: true, authorId: true },
      _sum: { views: true, price: true, rating: true },
      _avg: { views: true, rating: true, price: true },
      _min: { views: true, slug: true, createdAt: true, price: true },
      _max: { views: true, slug: true, createdAt: true, rating: true },
    })
    expect(result._count).toEqual({ _all: 4, rating: 2, authorId: 3 })
    expect(result._sum).toMatchObject({ views: 45, rating: 7.5 })
    expect(result._sum.price?.toString()).toBe('121.75')
    expect(result._avg).toMatchObject({ views: 11.25, rating: 3.75 })
    expect(result._avg.price?.toString()).toBe('30.4375')
    expect(result._min).toMatchObject({ views: 0, slug: 'first', createdAt: people.first.createdAt })
    expect(result._min.price?.toString()).toBe('0')
    expect(result._max).toEqual({ views: 30, slug: 'third', createdAt: people.orphan.createdAt, rating: 4.5 })
  })

  it('accepts a filter, an order and a page', async () => {
    const { _sum } = await db.prisma.post.aggregate({
      where: { published: true },
      orderBy: { views: 'desc' },
      take: 2,
      _sum: { views: true },
    })
    expect(_sum.views).toBe(40)
  })

  it('is null over no records, except for counts', async () => {
    const result = await db.prisma.post.aggregate({
      where: { views: -1 },
      _count: true,
      _sum: { views: true },
      _avg: { views: true },
      _max: { slug: true },
    })
    expect(result).toEqual({ _count: 0, _sum: { views: null }, _avg: { views: null }, _max: { slug: null } })
  })
})

describe('count', () => {
  it('counts records or their non-null values', async () => {
    expect(await db.prisma.user.count()).toBe(4)
    expect(await db.prisma.user.count({ where: { posts: { some: {} } } })).toBe(2)
    expect(await db.prisma.user.count({ select: { _all: true, name: true, managerId: true } })).toEqual({
      _all: 4,
      name: 3,
      managerId: 3,
    })
    expect(await db.prisma.user.count({ skip: 1, take: 2, orderBy: { id: 'asc' } })).toBe(2)
  })
})

describe('groupBy', () => {
  it('returns each group with its aggregates', async () => {
    const groups = await db.prisma.post.groupBy({
      by: ['authorId'],
      _count: true,
      _sum: { views: true },
      orderBy: { authorId: 'asc' },
    })
    expect(groups).toEqual([
      { authorId: null, _count: 1, _sum: { views: 5 } },
      { authorId: people.ann.id, _count: 2, _sum: { views: 10 } },
      { authorId: people.bob.id, _count: 1, _sum: { views: 30 } },
    ])
  })

  it('groups by several columns, sorted by an aggregate', async () => {
    const groups = await db.prisma.user.groupBy({
      by: ['role', 'active'],
      where: { credits: { gt: 0 } },
      _max: { credits: true },
      orderBy: { _max: { credits: 'desc' } },
    })
    expect(groups).toEqual([
      { role: 'guest', active: false, _max: { credits: 40 } },
      { role: 'member', active: true, _max: { credits: 30 } },
      { role: 'admin', active: true, _max: { credits: 10 } },
    ])
  })

  it('keeps the groups that having selects and pages through them', async () => {
    const having = await db.prisma.user.groupBy({
      by: ['role'],
      _count: { _all: true },
      having: { credits: { _avg: { gt: 10, lt: 40 } } },
    })
    expect(having).toEqual([{ role: 'member', _count: { _all: 2 } }])
    const page = await db.prisma.user.groupBy({ by: ['role'], orderBy: { role: 'asc' }, skip: 1, take: 1 })
    expect(page).toEqual([{ role: 'guest' }])
  })

  it('groups text case-insensitively', async () => {
    await db.prisma.user.updateMany({ where: { name: 'Bob' }, data: { role: 'ADMIN' } })
    const groups = await db.prisma.user.groupBy({ by: ['role'], _count: true, orderBy: { _count: { role: 'desc' } } })
    expect(groups.map(({ _count }) => _count).sort()).toEqual([1, 1, 2])
  })
})
