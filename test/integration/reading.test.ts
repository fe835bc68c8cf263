import { describe, expect, it } from 'vitest'
import { useSeededDatabase } from './fixtures.ts'

const { db, people } = useSeededDatabase()

const slugs = (posts: { slug: string }[]) => posts.map(({ slug }) => slug)

describe('a single record', () => {
  it('is found by each of its keys', async () => {
    const { prisma } = db
    expect(await prisma.user.findUnique({ where: { id: people.bob.id } })).toEqual(people.bob)
    expect(await prisma.user.findUnique({ where: { email: 'bob@example.test' } })).toEqual(people.bob)
    expect(await prisma.user.findUnique({ where: { email: 'BOB@EXAMPLE.TEST' } })).toEqual(people.bob)
    expect(
      await prisma.account.findUnique({ where: { provider_subject: { provider: 'google', subject: 'ann' } } }),
    ).toMatchObject({ balance: 0.25, userId: people.ann.id })
    expect(
      await prisma.comment.findUnique({ where: { postId_number: { postId: people.first.id, number: 2 } } }),
    ).toMatchObject({ text: 'Hm', authorId: null })
  })

  it('is null or an error if it does not exist', async () => {
    expect(await db.prisma.user.findUnique({ where: { email: 'nobody' } })).toBeNull()
    expect(await db.prisma.user.findFirst({ where: { credits: -1 } })).toBeNull()
    await expect(db.prisma.user.findUniqueOrThrow({ where: { email: 'nobody' } })).rejects.toMatchObject({
      code: 'P2025',
    })
    await expect(db.prisma.user.findFirstOrThrow({ where: { credits: -1 } })).rejects.toMatchObject({ code: 'P2025' })
  })

  it('can be filtered in addition to its key', async () => {
    const where = { email: 'dave@example.test', active: true }
    expect(await db.prisma.user.findUnique({ where })).toBeNull()
    expect(await db.prisma.user.findUnique({ where: { ...where, active: false } })).toEqual(people.dave)
  })

  it('is found by many queries in one tick', async () => {
    const found = await Promise.all(
      [people.ann, people.bob, people.cleo, people.ann].map(({ id }) => db.prisma.user.findUnique({ where: { id } })),
    )
    expect(found).toEqual([people.ann, people.bob, people.cleo, people.ann])
  })
})

describe('the result of a read', () => {
  it('has the fields that select asks for', async () => {
    expect(
      await db.prisma.post.findUnique({
        where: { slug: 'first' },
        select: { views: true, author: { select: { name: true, profile: { select: { bio: true } } } } },
      }),
    ).toEqual({ views: 10, author: { name: 'Ann', profile: { bio: 'Writes about databases' } } })
  })

  it('lacks the fields that omit names', async () => {
    const tag = await db.prisma.tag.findUniqueOrThrow({ where: { name: 'sql' }, omit: { id: true } })
    expect(tag).toEqual({ name: 'sql' })
  })

  it('includes relations, filtered and sorted', async () => {
    const ann = await db.prisma.user.findUniqueOrThrow({
      where: { id: people.ann.id },
      include: {
        manager: true,
        reports: { orderBy: { email: 'desc' }, include: { reports: true } },
        posts: { where: { published: true }, include: { tags: { orderBy: { name: 'asc' } }, comments: true } },
      },
    })
    expect(ann.manager).toBeNull()
    expect(ann.reports.map(({ email }) => email)).toEqual(['cleo@example.test', 'bob@example.test'])
    expect(ann.reports[1]?.reports).toEqual([people.dave])
    expect(slugs(ann.posts)).toEqual(['first'])
    expect(ann.posts[0]?.tags.map(({ name }) => name)).toEqual(['prisma', 'sql'])
    expect(ann.posts[0]?.comments).toHaveLength(2)
  })

  it('pages through a relation of each record', async () => {
    const users = await db.prisma.user.findMany({
      orderBy: { id: 'asc' },
      select: { posts: { orderBy: { views: 'desc' }, take: 1, select: { slug: true } } },
    })
    expect(users.map(({ posts }) => slugs(posts))).toEqual([['first'], ['third'], [], []])
  })

  it('counts relations', async () => {
    const users = await db.prisma.user.findMany({
      orderBy: { id: 'asc' },
      select: { _count: { select: { posts: { where: { published: true } }, reports: true, comments: true } } },
    })
    expect(users.map(({ _count }) => _count)).toEqual([
      { posts: 1, reports: 2, comments: 1 },
      { posts: 1, reports: 1, comments: 1 },
      { posts: 0, reports: 0, comments: 0 },
      { posts: 0, reports: 0, comments: 0 },
    ])
  })

  it('follows a relation from one record', async () => {
    const { prisma } = db
    expect(slugs(await prisma.user.findUniqueOrThrow({ where: { id: people.ann.id } }).posts())).toHaveLength(2)
    expect(
      await prisma.user
        .findUniqueOrThrow({ where: { id: people.dave.id } })
        .manager()
        .manager(),
    ).toEqual(people.ann)
  })
})

describe('order', () => {
  it('puts NULL first when ascending and last when descending, as SQL Server does', async () => {
    const names = async (name: 'asc' | 'desc') =>
      (await db.prisma.user.findMany({ orderBy: { name }, select: { name: true } })).map((user) => user.name)
    expect(await names('asc')).toEqual([null, 'Ann', 'Bob', 'dave'])
    expect(await names('desc')).toEqual(['dave', 'Bob', 'Ann', null])
  })

  it('sorts by several columns', async () => {
    const posts = await db.prisma.post.findMany({ orderBy: [{ published: 'desc' }, { views: 'asc' }] })
    expect(slugs(posts)).toEqual(['orphan', 'first', 'third', 'second'])
  })

  it('sorts by a relation’s fields and by its count', async () => {
    const byAuthor = await db.prisma.post.findMany({ orderBy: [{ author: { name: 'desc' } }, { slug: 'asc' }] })
    expect(slugs(byAuthor)).toEqual(['third', 'first', 'second', 'orphan'])
    const byTags = await db.prisma.post.findMany({ orderBy: [{ tags: { _count: 'desc' } }, { slug: 'asc' }] })
    expect(slugs(byTags)).toEqual(['first', 'second', 'orphan', 'third'])
  })

  it('ignores case', async () => {
    await db.prisma.tag.createMany({ data: ['b', 'A', 'C', 'a1', 'B1'].map((name) => ({ name })) })
    const tags = await db.prisma.tag.findMany({
      where: { name: { notIn: ['sql', 'prisma'] } },
      orderBy: { name: 'asc' },
    })
    expect(tags.map(({ name }) => name)).toEqual(['A', 'a1', 'b', 'B1', 'C'])
  })
})

describe('pages', () => {
  const page = async (options: { skip?: number; take?: number }) =>
    slugs(await db.prisma.post.findMany({ orderBy: { createdAt: 'asc' }, ...options }))

  it('are selected by number', async () => {
    expect(await page({ take: 2 })).toEqual(['first', 'second'])
    expect(await page({ skip: 1, take: 2 })).toEqual(['second', 'third'])
    expect(await page({ skip: 3 })).toEqual(['orphan'])
    expect(await page({ take: -2 })).toEqual(['third', 'orphan'])
    expect(await page({ take: 0 })).toEqual([])
    expect(await page({ skip: 9 })).toEqual([])
  })

  it('are selected without an order', async () => {
    expect(await db.prisma.post.findMany({ take: 3, skip: 1 })).toHaveLength(3)
    expect(await db.prisma.post.findFirst({ where: { authorId: people.bob.id } })).toEqual(people.third)
  })

  it('are selected from a cursor', async () => {
    const after = await db.prisma.post.findMany({
      cursor: { slug: 'second' },
      skip: 1,
      take: 2,
      orderBy: { createdAt: 'asc' },
    })
    expect(slugs(after)).toEqual(['third', 'orphan'])
    const before = await db.prisma.post.findMany({ cursor: { slug: 'third' }, take: -2, orderBy: { createdAt: 'asc' } })
    expect(slugs(before)).toEqual(['second', 'third'])
  })

  it('are selected from a cursor on a composite key', async () => {
    const comments = await db.prisma.comment.findMany({
      cursor: { postId_number: { postId: people.first.id, number: 2 } },
      orderBy: [{ postId: 'asc' }, { number: 'asc' }],
      select: { text: true },
    })
    expect(comments.map(({ text }) => text)).toEqual(['Hm', 'Thanks'])
  })
})

describe('distinct', () => {
  it('keeps the first record of each value', async () => {
    const users = await db.prisma.user.findMany({
      distinct: ['active'],
      orderBy: { credits: 'desc' },
      select: { email: true },
    })
    expect(users.map(({ email }) => email)).toEqual(['dave@example.test', 'cleo@example.test'])
  })
})
