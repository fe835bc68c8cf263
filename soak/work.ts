import { setTimeout as sleep } from 'node:timers/promises'
import type { PrismaClient } from '../generated/prisma/client.ts'
import type { Dice } from '../test/simulation/random.ts'
import type { Books } from './books.ts'
import type { Tally } from './tally.ts'
import { TRANSACTION_TIMEOUT } from './timing.ts'

/** One query or transaction. */
export interface Work {
  kind: WorkKind
  run(): Promise<unknown>
  /** How long it takes by itself, in ms: the pauses in a transaction. */
  ownLength: number
  /** What it counts up. */
  tally?: Tally
  /** Whether a failure now would leave it open what became of it. */
  undecided(): boolean
}

/** How often each comes. */
const WEIGHTS = {
  read: 30,
  sum: 10,
  increment: 15,
  update: 10,
  insert: 10,
  transfer: 12,
  'long transfer': 5,
  burst: 4,
  pause: 4,
}

export type WorkKind = keyof typeof WEIGHTS

/** Prisma's own default for `maxWait`, which is shorter than some faults, in ms. */
const IMPATIENT = 2_000

/** What a worker does next: one piece of work mostly, several at once for a burst, none for a pause. */
export async function nextWork(prisma: PrismaClient, books: Books, dice: Dice): Promise<Work[]> {
  switch (dice.pick(WEIGHTS)) {
    case 'read':
      return [read(prisma, books)]
    case 'sum':
      return [query('sum', () => prisma.post.aggregate({ _count: true, _sum: { views: true } }))]
    case 'increment':
      return [increment(prisma, books)]
    case 'update':
      return [update(prisma, books)]
    case 'insert':
      return [insert(prisma, books)]
    case 'transfer':
      return [transfer(prisma, books, dice.chance(0.5) ? 0 : dice.scaled(10, 500), dice)]
    case 'long transfer':
      return [transfer(prisma, books, dice.scaled(1_000, 5_000), dice)]
    case 'burst':
      return Array.from({ length: dice.integer(5, 20) }, () => read(prisma, books))
    case 'pause':
      await sleep(dice.scaled(100, 3_000))
      return []
  }
}

function query(kind: WorkKind, run: () => Promise<unknown>, tally?: Tally): Work {
  return { kind, run, ownLength: 0, ...(tally && { tally }), undecided: () => true }
}

function read(prisma: PrismaClient, { users }: Books): Work {
  const include = { posts: { include: { comments: { take: 3 } } } }
  return query('read', () => prisma.user.findMany({ where: { id: { in: [...users] } }, include }))
}

/** One UPDATE by itself. */
function increment(prisma: PrismaClient, { post, views }: Books): Work {
  const data = { views: { increment: 1 } }
  return query('increment', () => prisma.post.updateMany({ where: { id: post }, data }), views)
}

/** The same, and the row that it gives, in a transaction that Prisma makes. */
function update(prisma: PrismaClient, { post, views }: Books): Work {
  const data = { views: { increment: 1 } }
  return query('update', () => prisma.post.update({ where: { id: post }, data, include: { author: true } }), views)
}

/** A number that was taken, perhaps in vain, is not taken again: what ran twice would be refused by the primary key. */
function insert(prisma: PrismaClient, { post, comments }: Books): Work {
  const data = { postId: post, number: comments.next(), text: 'soaking' }
  return query('insert', () => prisma.comment.create({ data }), comments)
}

function transfer(prisma: PrismaClient, { users, transfers }: Books, pause: number, dice: Dice): Work {
  const [from, to] = users
  const maxWait = dice.chance(0.1) ? IMPATIENT : TRANSACTION_TIMEOUT
  let committing = false
  return {
    kind: 'transfer',
    ownLength: pause,
    tally: transfers,
    undecided: () => committing,
    run: () =>
      prisma.$transaction(
        async (tx) => {
          await tx.user.update({ where: { id: from }, data: { credits: { decrement: 1 } } })
          if (pause > 0) await sleep(pause)
          await tx.user.update({ where: { id: to }, data: { credits: { increment: 1 } } })
          committing = true
        },
        { maxWait, timeout: TRANSACTION_TIMEOUT },
      ),
  }
}
