import { beforeEach } from 'vitest'
import type { PrismaClient } from '../../generated/prisma/client.ts'
import { type Database, useDatabase } from './database.ts'

/**
 * A few people and their posts, different enough to distinguish each filter from the others.
 *
 * | user | role | name | credits | active | manager | posts (views, rating, price, published, tags) |
 * |---|---|---|---|---|---|---|
 * | ann | admin | Ann | 10 | yes | none | first (10, 4.5, 1.50, yes, sql + prisma), second (0, none, 20.00, no, sql) |
 * | bob | member | Bob | 20 | yes | ann | third (30, 3, 100.25, yes) |
 * | cleo | member | none | 30 | yes | ann | none |
 * | dave | guest | dave | 40 | no | bob | none |
 *
 * and a post without an author: orphan (5, none, 0, yes). `first` has comments 1 (bob) and 2 (nobody), `third` 1 (ann).
 * Ann has a profile and two accounts.
 */
export async function seed(prisma: PrismaClient) {
  const ann = await prisma.user.create({
    data: {
      email: 'ann@example.test',
      name: 'Ann',
      role: 'admin',
      credits: 10,
      profile: { create: { bio: 'Writes about databases' } },
      accounts: {
        create: [
          { provider: 'github', subject: 'ann', balance: 12.5 },
          { provider: 'google', subject: 'ann', balance: 0.25 },
        ],
      },
    },
  })
  const bob = await prisma.user.create({
    data: { email: 'bob@example.test', name: 'Bob', credits: 20, managerId: ann.id },
  })
  const cleo = await prisma.user.create({ data: { email: 'cleo@example.test', credits: 30, managerId: ann.id } })
  const dave = await prisma.user.create({
    data: {
      email: 'dave@example.test',
      name: 'dave',
      role: 'guest',
      credits: 40,
      active: false,
      managerId: bob.id,
    },
  })
  const first = await prisma.post.create({
    data: {
      title: 'First post',
      slug: 'first',
      content: 'How it began',
      published: true,
      views: 10,
      rating: 4.5,
      price: '1.50',
      createdAt: new Date('2024-01-01T10:00:00.123Z'),
      authorId: ann.id,
      tags: { create: [{ name: 'sql' }, { name: 'prisma' }] },
      comments: {
        create: [
          { number: 1, text: 'Nice', authorId: bob.id },
          { number: 2, text: 'Hm' },
        ],
      },
    },
  })
  const second = await prisma.post.create({
    data: {
      title: 'Second',
      slug: 'second',
      price: '20.00',
      createdAt: new Date('2024-02-01T00:00:00Z'),
      author: { connect: { id: ann.id } },
      tags: { connect: { name: 'sql' } },
    },
  })
  const third = await prisma.post.create({
    data: {
      title: 'third thing',
      slug: 'third',
      content: 'FIRST of all',
      published: true,
      views: 30,
      rating: 3,
      price: '100.25',
      createdAt: new Date('2024-03-01T00:00:00Z'),
      authorId: bob.id,
      comments: { create: { number: 1, text: 'Thanks', authorId: ann.id } },
    },
  })
  const orphan = await prisma.post.create({
    data: { title: 'Orphan', slug: 'orphan', published: true, views: 5, createdAt: new Date('2024-04-01T00:00:00Z') },
  })
  return { ann, bob, cleo, dave, first, second, third, orphan }
}

/** The example database with the rows of {@link seed} before each test: most tests only read and leave the rows for the next. */
export function useSeededDatabase(): { db: Database; people: Awaited<ReturnType<typeof seed>> } {
  const db = useDatabase({ keepRows: true })
  const people = {} as Awaited<ReturnType<typeof seed>>
  beforeEach(async () => {
    if (!db.changed) return
    Object.assign(people, await seed(db.prisma))
    db.changed = false
  })
  return { db, people }
}
