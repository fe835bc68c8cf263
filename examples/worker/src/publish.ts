import type { PrismaClient } from './generated/prisma/client.ts'

/** Publishes the oldest draft. @returns its title, or undefined if there is none */
export async function publishNext(prisma: PrismaClient): Promise<string | undefined> {
  for (;;) {
    const draft = await prisma.post.findFirst({ where: { published: false }, orderBy: { id: 'asc' } })
    if (draft === null) return undefined
    // Only one of several workers finds it still unpublished.
    const { count } = await prisma.post.updateMany({
      where: { id: draft.id, published: false },
      data: { published: true },
    })
    if (count === 1) return draft.title
  }
}
