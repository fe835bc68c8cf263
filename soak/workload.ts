import { setTimeout as sleep } from 'node:timers/promises'
import type { PrismaClient } from '../generated/prisma/client.ts'
import type { SeededRandom } from '../test/simulation/random.ts'

/** What each of the two users of a worker starts with. */
const CREDITS = 1_000_000
/** Long enough that no transaction fails because of Prisma's own clock, in ms. */
const TRANSACTION_TIMEOUT = 60_000
/** Prisma's default `maxWait`, which is shorter than some faults, in ms. */
const SHORT_WAIT = 2_000

/** What we know of a number in the database that only one worker increments. */
export class Tally {
  /** Increments that certainly happened. */
  sure = 0
  /** Increments that may have happened: we do not know whether the statement took effect. */
  unsure = 0

  /** Whether the database may hold this number. */
  admits(value: number): boolean {
    return value >= this.sure && value <= this.sure + this.unsure
  }
}

/** A query or transaction. */
export interface Work {
  run(): Promise<unknown>
  /** What it increments. */
  tally?: Tally | undefined
  /** How long it takes by itself, in ms: the pause in a transaction. */
  ownLength: number
  /** Whether a failure now would leave its outcome unknown. */
  undecided(): boolean
}

/** How often each comes. */
const WEIGHTS = { read: 30, sum: 10, increment: 15, update: 10, insert: 10, transfer: 12, longTransfer: 5, burst: 4 }

/** The work of one worker on its own rows. */
export interface Ledger {
  /** What comes next: mostly one piece of work, several at once for a burst. */
  next(random: SeededRandom): Work[]
  /** Reads the rows, and says which of them are wrong. */
  audit(): Promise<string[]>
}

/**
 * Makes the rows of a worker.
 *
 * @param calm - a client that no fault disturbs
 * @param prisma - the client under test
 */
export async function openLedger(calm: PrismaClient, prisma: PrismaClient, name: string): Promise<Ledger> {
  const user = (suffix: string) =>
    calm.user.create({ data: { email: `${name}-${suffix}@example.test`, credits: CREDITS } })
  const [from, to] = [await user('from'), await user('to')]
  const post = await calm.post.create({ data: { title: name, slug: name, authorId: from.id } })
  const users = { id: { in: [from.id, to.id] } }
  const where = { id: post.id }
  const [transfers, views, comments] = [new Tally(), new Tally(), new Tally()]
  let lastComment = 0

  const query = (run: () => Promise<unknown>, tally?: Tally): Work => ({
    run,
    tally,
    ownLength: 0,
    undecided: () => true,
  })
  const read = () =>
    query(() => prisma.user.findMany({ where: users, include: { posts: { include: { comments: { take: 3 } } } } }))
  const data = { views: { increment: 1 } }
  const transfer = (pause: number, random: SeededRandom): Work => {
    const maxWait = random.chance(0.1) ? SHORT_WAIT : TRANSACTION_TIMEOUT
    let committing = false
    const run = () =>
      prisma.$transaction(
        async (tx) => {
          await tx.user.update({ where: { id: from.id }, data: { credits: { decrement: 1 } } })
          if (pause > 0) await sleep(pause)
          await tx.user.update({ where: { id: to.id }, data: { credits: { increment: 1 } } })
          committing = true
        },
        { maxWait, timeout: TRANSACTION_TIMEOUT },
      )
    return { run, tally: transfers, ownLength: pause, undecided: () => committing }
  }
  const works: Record<keyof typeof WEIGHTS, (random: SeededRandom) => Work | Work[]> = {
    read,
    sum: () => query(() => prisma.post.aggregate({ _count: true, _sum: { views: true } })),
    increment: () => query(() => prisma.post.updateMany({ where, data }), views),
    // Prisma makes this one a transaction: the same UPDATE, and the row.
    update: () => query(() => prisma.post.update({ where, data, include: { author: true } }), views),
    insert: () => {
      // Each number is used once: the primary key refuses an INSERT that runs twice.
      const row = { postId: post.id, number: ++lastComment, text: 'soaking' }
      return query(() => prisma.comment.create({ data: row }), comments)
    },
    transfer: (random) => transfer(random.chance(0.5) ? 0 : random.scaled(10, 500), random),
    longTransfer: (random) => transfer(random.scaled(1_000, 5_000), random),
    burst: (random) => Array.from({ length: random.integer(5, 20) }, read),
  }
  return {
    next: (random) => [works[random.pick(WEIGHTS)](random)].flat(),
    async audit() {
      const found = await calm.user.findMany({ where: users, orderBy: { id: 'asc' } })
      const [left = 0, moved = 0] = found.map(({ credits }) => credits)
      const counts: [string, Tally, number][] = [
        ['transfers', transfers, moved - CREDITS],
        ['views', views, (await calm.post.findUniqueOrThrow({ where })).views],
        ['comments', comments, await calm.comment.count({ where: { postId: post.id } })],
      ]
      const wrong = counts
        .filter(([, tally, count]) => !tally.admits(count))
        .map(([what, { sure, unsure }, count]) => `${name} has ${count} ${what}, not ${sure} to ${sure + unsure}`)
      return left + moved === 2 * CREDITS ? wrong : [...wrong, `${name} has half a transfer`]
    },
  }
}
