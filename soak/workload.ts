import { setTimeout as sleep } from 'node:timers/promises'
import type { PrismaClient } from '../generated/prisma/client.ts'
import type { Dice } from '../test/simulation/random.ts'

/** What each of the two users of a worker has to begin with. */
const CREDITS = 1_000_000
/** Of interactive transactions, in ms: none is to fail for Prisma's own clock. */
const TRANSACTION_TIMEOUT = 60_000
/** Prisma's own default of `maxWait`, which is shorter than some faults, in ms. */
const IMPATIENT = 2_000

/** What is known of a number in the database that one worker alone counts up. */
export class Tally {
  /** Counted up for certain. */
  sure = 0
  /** Perhaps counted up: it is not known whether the statement took effect. */
  unsure = 0

  /** Whether the database may hold this number. */
  admits(value: number): boolean {
    return value >= this.sure && value <= this.sure + this.unsure
  }
}

/** One query or transaction. */
export interface Work {
  run(): Promise<unknown>
  /** How long it takes by itself, in ms: the pauses in a transaction. */
  ownLength: number
  /** What it counts up. */
  tally?: Tally
  /** Whether a failure now leaves open what became of it. */
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

/** The rows that one worker alone writes to, what it knows of them, and what it does with them. */
export class Ledger {
  readonly #prisma: PrismaClient
  readonly #name: string
  readonly #users: readonly [number, number]
  readonly #post: bigint
  readonly #transfers = new Tally()
  readonly #views = new Tally()
  readonly #comments = new Tally()
  #lastComment = 0

  private constructor(prisma: PrismaClient, name: string, users: readonly [number, number], post: bigint) {
    this.#prisma = prisma
    this.#name = name
    this.#users = users
    this.#post = post
  }

  /**
   * Makes the rows.
   *
   * @param calm - a client that no fault disturbs
   * @param prisma - the one that works with them
   */
  static async open(calm: PrismaClient, prisma: PrismaClient, name: string): Promise<Ledger> {
    const user = (suffix: string) =>
      calm.user.create({ data: { email: `${name}-${suffix}@example.test`, credits: CREDITS } })
    const [from, to] = [await user('from'), await user('to')]
    const post = await calm.post.create({ data: { title: name, slug: name, authorId: from.id } })
    return new Ledger(prisma, name, [from.id, to.id], post.id)
  }

  /** What comes next: mostly one piece of work, several at once for a burst, none after a pause. */
  async next(dice: Dice): Promise<Work[]> {
    switch (dice.pick(WEIGHTS)) {
      case 'read':
        return [this.#read()]
      case 'sum':
        return [query(() => this.#prisma.post.aggregate({ _count: true, _sum: { views: true } }))]
      case 'increment':
        return [this.#increment()]
      case 'update':
        return [this.#update()]
      case 'insert':
        return [this.#insert()]
      case 'transfer':
        return [this.#transfer(dice.chance(0.5) ? 0 : dice.scaled(10, 500), dice)]
      case 'long transfer':
        return [this.#transfer(dice.scaled(1_000, 5_000), dice)]
      case 'burst':
        return Array.from({ length: dice.integer(5, 20) }, () => this.#read())
      case 'pause':
        await sleep(dice.scaled(100, 3_000))
        return []
    }
  }

  /** Reads the rows, and says where they are not as they should be; empty where all adds up. */
  async audit(calm: PrismaClient): Promise<string[]> {
    const users = await calm.user.findMany({
      where: { id: { in: [...this.#users] } },
      orderBy: { id: 'asc' },
    })
    const [from = 0, to = 0] = users.map(({ credits }) => credits)
    const { views } = await calm.post.findUniqueOrThrow({ where: { id: this.#post } })
    const comments = await calm.comment.count({ where: { postId: this.#post } })
    const compare = (what: string, tally: Tally, found: number) =>
      tally.admits(found)
        ? []
        : [`${this.#name} has ${found} ${what}, not ${tally.sure} to ${tally.sure + tally.unsure}`]
    return [
      ...compare('transfers', this.#transfers, to - CREDITS),
      ...compare('views', this.#views, views),
      ...compare('comments', this.#comments, comments),
      ...(from + to === 2 * CREDITS ? [] : [`${this.#name} has half a transfer`]),
    ]
  }

  #read(): Work {
    const include = { posts: { include: { comments: { take: 3 } } } }
    return query(() => this.#prisma.user.findMany({ where: { id: { in: [...this.#users] } }, include }))
  }

  /** One UPDATE by itself. */
  #increment(): Work {
    const data = { views: { increment: 1 } }
    return query(() => this.#prisma.post.updateMany({ where: { id: this.#post }, data }), this.#views)
  }

  /** The same and the row, in a transaction that Prisma makes. */
  #update(): Work {
    const data = { views: { increment: 1 } }
    const include = { author: true }
    return query(() => this.#prisma.post.update({ where: { id: this.#post }, data, include }), this.#views)
  }

  /** A number is taken once, perhaps in vain: the primary key refuses an INSERT that runs twice. */
  #insert(): Work {
    const data = { postId: this.#post, number: ++this.#lastComment, text: 'soaking' }
    return query(() => this.#prisma.comment.create({ data }), this.#comments)
  }

  /** @param pause - between its two statements, in ms */
  #transfer(pause: number, dice: Dice): Work {
    const [from, to] = this.#users
    const maxWait = dice.chance(0.1) ? IMPATIENT : TRANSACTION_TIMEOUT
    let committing = false
    return {
      ownLength: pause,
      tally: this.#transfers,
      undecided: () => committing,
      run: () =>
        this.#prisma.$transaction(
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
}

function query(run: () => Promise<unknown>, tally?: Tally): Work {
  return { run, ownLength: 0, ...(tally && { tally }), undecided: () => true }
}
