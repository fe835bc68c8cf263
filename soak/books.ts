import type { PrismaClient } from '../generated/prisma/client.ts'
import { Tally } from './tally.ts'

/** What each of the two users of a worker has to begin with. */
const CREDITS = 1_000_000

/** The rows that one worker alone writes to, and what it knows of them. */
export class Books {
  /** Credits were moved from the first user to the second, one at a time, within a transaction. */
  readonly transfers = new Tally()
  /** Views of the post were counted up, one at a time, by one statement. */
  readonly views = new Tally()
  /** Comments on the post: each has the next number. */
  readonly comments = new Tally()
  readonly users: readonly [number, number]
  readonly post: bigint
  readonly #owner: string

  private constructor(owner: string, users: [number, number], post: bigint) {
    this.#owner = owner
    this.users = users
    this.post = post
  }

  /** Makes the rows. */
  static async open(prisma: PrismaClient, owner: string): Promise<Books> {
    const user = (name: string) =>
      prisma.user.create({ data: { email: `${owner}-${name}@example.test`, credits: CREDITS } })
    const [from, to] = [await user('from'), await user('to')]
    const post = await prisma.post.create({ data: { title: owner, slug: owner, authorId: from.id } })
    return new Books(owner, [from.id, to.id], post.id)
  }

  /** Reads the rows, and says in what they are not as they should be; empty where all adds up. */
  async audit(prisma: PrismaClient): Promise<string[]> {
    const users = await prisma.user.findMany({ where: { id: { in: [...this.users] } }, orderBy: { id: 'asc' } })
    const [from = 0, to = 0] = users.map(({ credits }) => credits)
    const { views } = await prisma.post.findUniqueOrThrow({ where: { id: this.post } })
    const comments = await prisma.comment.count({ where: { postId: this.post } })
    const findings = [
      this.#compare('transfers', this.transfers, to - CREDITS),
      this.#compare('views', this.views, views),
      this.#compare('comments', this.comments, comments),
    ]
    if (from + to !== 2 * CREDITS) findings.push(`${this.#owner}: a transfer happened by half`)
    return findings.filter((finding) => finding !== undefined)
  }

  #compare(what: string, tally: Tally, found: number): string | undefined {
    return tally.admits(found) ? undefined : `${this.#owner}: ${tally} ${what} were made, ${found} are there`
  }
}
