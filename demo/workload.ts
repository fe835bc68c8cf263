import type { PrismaClient } from '../generated/prisma/client.ts'

/** As README.md has it: a transaction waits for a sign-in. */
export const CLIENT_OPTIONS = { transactionOptions: { maxWait: 20_000 } }

/** Fills the example database with a little to read. */
export async function seed(prisma: PrismaClient): Promise<void> {
  for (const name of ['Ada', 'Grace', 'Linus', 'Margaret']) {
    const posts = [1, 2, 3].map((number) => ({
      title: `${name} on ${number}`,
      slug: `${name}-${number}`,
      views: number,
    }))
    await prisma.user.create({ data: { email: `${name}@example.com`, name, posts: { create: posts } } })
  }
}

/** What a worker does, one after the other and again: reads, writes, a transaction that must add up. */
export function tasks(prisma: PrismaClient, worker: number): (() => Promise<unknown>)[] {
  let written = 0
  const read = () =>
    prisma.user.findMany({ where: { posts: { some: { views: { gte: 1 } } } }, include: { posts: true }, take: 3 })
  const count = () => prisma.post.aggregate({ _count: true, _sum: { views: true }, where: { published: false } })
  const write = () => {
    const slug = `worker-${worker}-${++written}`
    return prisma.post.create({ data: { title: slug, slug, authorId: 1 + (worker % 4) } })
  }
  const tidy = () => prisma.post.deleteMany({ where: { slug: { startsWith: `worker-${worker}-` } } })
  const transfer = () =>
    prisma.$transaction(async (tx) => {
      await tx.user.update({ where: { id: 1 + (worker % 4) }, data: { credits: { decrement: 1 } } })
      await tx.user.update({ where: { id: 1 + (worker % 4) }, data: { credits: { increment: 1 } } })
    })
  return [read, write, count, read, transfer, write, read, tidy]
}
