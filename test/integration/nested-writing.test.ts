import { describe, expect, it } from 'vitest'
import { useDatabase } from './database.ts'

const db = useDatabase()

const user = (email: string) => db.prisma.user.create({ data: { email } })
const slugsOf = async (authorId: number | null) =>
  (await db.prisma.post.findMany({ where: { authorId }, orderBy: { slug: 'asc' } })).map(({ slug }) => slug)

describe('a record with its relations', () => {
  it('is created in one call', async () => {
    const created = await db.prisma.user.create({
      data: {
        email: 'a@example.test',
        profile: { create: { bio: 'x' } },
        posts: {
          create: [
            { title: 'One', slug: 'one', comments: { create: { number: 1, text: 'c' } } },
            { title: 'Two', slug: 'two', tags: { create: { name: 'new' } } },
          ],
        },
        reports: { create: { email: 'b@example.test' } },
      },
      include: {
        profile: true,
        reports: true,
        posts: { orderBy: { slug: 'asc' }, include: { comments: true, tags: true } },
      },
    })
    expect(created.profile).toMatchObject({ bio: 'x', userId: created.id })
    expect(created.reports).toMatchObject([{ email: 'b@example.test', managerId: created.id }])
    expect(created.posts).toMatchObject([
      { slug: 'one', comments: [{ number: 1, text: 'c' }], tags: [] },
      { slug: 'two', comments: [], tags: [{ name: 'new' }] },
    ])
  })

  it('is created with many related records', async () => {
    await db.prisma.user.create({
      data: {
        email: 'a@example.test',
        posts: { createMany: { data: ['one', 'two'].map((slug) => ({ slug, title: slug })) } },
      },
    })
    expect(await db.prisma.post.count({ where: { author: { email: 'a@example.test' } } })).toBe(2)
  })

  it('is not created at all if one part cannot be created', async () => {
    await user('taken@example.test')
    await expect(
      db.prisma.post.create({
        data: { title: 'One', slug: 'one', author: { create: { email: 'taken@example.test' } } },
      }),
    ).rejects.toMatchObject({ code: 'P2002' })
    await expect(
      db.prisma.user.create({
        data: {
          email: 'a@example.test',
          posts: {
            create: [
              { title: 'x', slug: 'same' },
              { title: 'y', slug: 'SAME' },
            ],
          },
        },
      }),
    ).rejects.toMatchObject({ code: 'P2002' })
    expect(await db.prisma.post.count()).toBe(0)
    expect(await db.prisma.user.count()).toBe(1)
  })
})

describe('a one-to-many relation', () => {
  it('can be connected, set and disconnected', async () => {
    const { id } = await user('a@example.test')
    await db.prisma.post.createMany({ data: ['one', 'two', 'three'].map((slug) => ({ slug, title: slug })) })
    const change = async (posts: object) => {
      await db.prisma.user.update({ where: { id }, data: { posts } })
      return slugsOf(id)
    }
    expect(await change({ connect: [{ slug: 'one' }, { slug: 'two' }] })).toEqual(['one', 'two'])
    expect(await change({ disconnect: { slug: 'one' } })).toEqual(['two'])
    expect(await change({ set: [{ slug: 'one' }, { slug: 'three' }] })).toEqual(['one', 'three'])
    expect(await change({ set: [] })).toEqual([])
    expect(await slugsOf(null)).toEqual(['one', 'three', 'two'])
  })

  it('can be updated and deleted through its parent, and only there', async () => {
    const a = await user('a@example.test')
    const b = await user('b@example.test')
    await db.prisma.post.createMany({
      data: ['one', 'two', 'three'].map((slug) => ({ slug, title: slug, authorId: a.id })),
    })
    await db.prisma.post.create({ data: { slug: 'other', title: 'other', authorId: b.id } })
    await db.prisma.user.update({
      where: { id: a.id },
      data: {
        posts: {
          update: { where: { slug: 'one' }, data: { views: { increment: 2 } } },
          updateMany: { where: { slug: { not: 'one' } }, data: { title: 'changed' } },
          delete: { slug: 'three' },
          upsert: {
            where: { slug: 'four' },
            create: { slug: 'four', title: 'four' },
            update: { title: 'never' },
          },
        },
      },
    })
    const posts = await db.prisma.post.findMany({
      orderBy: { slug: 'asc' },
      select: { slug: true, title: true, views: true },
    })
    expect(posts).toMatchObject([
      { slug: 'four', title: 'four' },
      { slug: 'one', title: 'one', views: 2 },
      { slug: 'other', title: 'other' },
      { slug: 'two', title: 'changed' },
    ])
    await expect(
      db.prisma.user.update({
        where: { id: a.id },
        data: { posts: { update: { where: { slug: 'other' }, data: { title: 'stolen' } } } },
      }),
    ).rejects.toMatchObject({ code: 'P2025' })
    await db.prisma.user.update({ where: { id: a.id }, data: { posts: { deleteMany: {} } } })
    expect(await slugsOf(a.id)).toEqual([])
    expect(await slugsOf(b.id)).toEqual(['other'])
  })

  it('can be connected or created', async () => {
    const post = (slug: string) =>
      db.prisma.post.create({
        data: {
          slug,
          title: slug,
          author: { connectOrCreate: { where: { email: 'a@example.test' }, create: { email: 'a@example.test' } } },
        },
      })
    const one = await post('one')
    const two = await post('two')
    expect(one.authorId).toBe(two.authorId)
    expect(await db.prisma.user.count()).toBe(1)
  })
})

describe('a one-to-one relation', () => {
  it('can be created, updated, upserted and deleted through its parent', async () => {
    const { id } = await user('a@example.test')
    const change = (profile: object) =>
      db.prisma.user.update({ where: { id }, data: { profile }, select: { profile: { select: { bio: true } } } })
    expect(await change({ create: { bio: '1' } })).toEqual({ profile: { bio: '1' } })
    expect(await change({ update: { bio: '2' } })).toEqual({ profile: { bio: '2' } })
    expect(await change({ upsert: { create: { bio: '3' }, update: { bio: '4' } } })).toEqual({ profile: { bio: '4' } })
    expect(await change({ delete: true })).toEqual({ profile: null })
    await expect(change({ delete: true })).rejects.toMatchObject({ code: 'P2025' })
  })

  it('can move from one parent to another', async () => {
    const a = await user('a@example.test')
    const b = await user('b@example.test')
    const profile = await db.prisma.profile.create({ data: { bio: 'x', userId: a.id } })
    await db.prisma.user.update({ where: { id: b.id }, data: { profile: { connect: { id: profile.id } } } })
    expect(await db.prisma.profile.findMany()).toEqual([{ ...profile, userId: b.id }])
  })
})

describe('a many-to-many relation', () => {
  const tagsOf = async (slug: string) =>
    (
      await db.prisma.post.findUniqueOrThrow({ where: { slug }, include: { tags: { orderBy: { name: 'asc' } } } })
    ).tags.map(({ name }) => name)

  it('can be connected, disconnected and set from both sides', async () => {
    await db.prisma.tag.createMany({ data: ['a', 'b', 'c'].map((name) => ({ name })) })
    await db.prisma.post.createMany({ data: ['one', 'two'].map((slug) => ({ slug, title: slug })) })
    const change = async (tags: object) => {
      await db.prisma.post.update({ where: { slug: 'one' }, data: { tags } })
      return tagsOf('one')
    }
    expect(await change({ connect: [{ name: 'a' }, { name: 'b' }] })).toEqual(['a', 'b'])
    expect(await change({ connect: { name: 'a' } })).toEqual(['a', 'b'])
    expect(await change({ disconnect: [{ name: 'a' }, { name: 'c' }] })).toEqual(['b'])
    expect(await change({ set: [{ name: 'c' }, { name: 'a' }] })).toEqual(['a', 'c'])
    const connectOrCreate = ['c', 'd'].map((name) => ({ where: { name }, create: { name } }))
    expect(await change({ connectOrCreate })).toEqual(['a', 'c', 'd'])

    await db.prisma.tag.update({
      where: { name: 'a' },
      data: { posts: { connect: { slug: 'two' }, disconnect: { slug: 'one' } } },
    })
    expect(await tagsOf('one')).toEqual(['c', 'd'])
    expect(await tagsOf('two')).toEqual(['a'])
  })

  it('loses its links when either end is deleted', async () => {
    await db.prisma.post.create({
      data: { slug: 'one', title: 'one', tags: { create: [{ name: 'a' }, { name: 'b' }] } },
    })
    await db.prisma.tag.delete({ where: { name: 'a' } })
    expect(await tagsOf('one')).toEqual(['b'])
    await db.prisma.post.delete({ where: { slug: 'one' } })
    expect(await db.sql('SELECT * FROM [dbo].[_PostToTag]')).toEqual([])
  })
})

describe('referential actions', () => {
  it('cascade or set null', async () => {
    const a = await user('a@example.test')
    await db.prisma.user.update({
      where: { id: a.id },
      data: {
        profile: { create: { bio: 'x' } },
        posts: { create: { slug: 'one', title: 'one', comments: { create: { number: 1, text: 'c' } } } },
        accounts: { create: { provider: 'p', subject: 's', entries: { create: { line: 1, amount: 1 } } } },
      },
    })
    await db.prisma.user.delete({ where: { id: a.id } })
    const { prisma } = db
    const left = [prisma.profile.count(), prisma.account.count(), prisma.entry.count(), prisma.comment.count()]
    expect(await Promise.all(left)).toEqual([0, 0, 0, 1])
    expect(await slugsOf(null)).toEqual(['one'])
    await prisma.post.delete({ where: { slug: 'one' } })
    expect(await prisma.comment.count()).toBe(0)
  })

  it('reject a change under NoAction', async () => {
    const a = await user('a@example.test')
    await db.prisma.user.create({ data: { email: 'b@example.test', managerId: a.id } })
    await expect(db.prisma.user.delete({ where: { id: a.id } })).rejects.toMatchObject({ code: 'P2003' })
    expect(await db.prisma.user.count()).toBe(2)
  })
})

describe('composite keys', () => {
  it('can be referenced', async () => {
    const a = await user('a@example.test')
    const account = await db.prisma.account.create({ data: { provider: 'p', subject: 's', userId: a.id } })
    const entry = await db.prisma.entry.create({
      data: {
        accountId: account.id,
        line: 1,
        amount: '10.5',
        reversedBy: { create: { line: 2, amount: '-10.5', accountId: account.id } },
      },
      include: { reversedBy: true },
    })
    expect(entry.reversedBy).toMatchObject([{ line: 2, reversesLine: 1, reversesAccountId: account.id }])
    const reversal = await db.prisma.entry.update({
      where: { accountId_line: { accountId: account.id, line: 2 } },
      data: { memo: 'undone', reverses: { disconnect: true } },
      include: { reverses: true },
    })
    expect(reversal).toMatchObject({ memo: 'undone', reverses: null, reversesLine: null })
  })
})
