import { setTimeout as sleep } from 'node:timers/promises'
import { Dice } from '../test/simulation/random.ts'
import type { Books } from './books.ts'
import { causeOf } from './cause.ts'
import type { Client } from './client.ts'
import type { EventLog } from './event-log.ts'
import { explain } from './explanations.ts'
import type { Failures } from './failures.ts'
import type { FaultLog } from './fault-log.ts'
import type { Incidents } from './incidents.ts'
import { mayHaveRun } from './outcome.ts'
import { nextWork, type Work } from './work.ts'

/** What a {@link Crew} works with. */
export interface CrewParts {
  client: Client
  faults: FaultLog
  failures: Failures
  incidents: Incidents
  events: EventLog
  /** In ms. */
  tokenLife: number
  max: number
  seed: number
}

/** After work that failed, in ms: a fault that refuses at once is not to be met a thousand times. */
const AFTER_FAILURE = 100
/** Between two pieces of work, in ms: the other process, on the same machine, needs some time too. */
const BETWEEN = 10
/** Every so often the whole crew rests for a while, in ms: a rotation with nothing to do. */
const REST_EVERY = 120_000
const REST = 12_000

/** The workers, each with books of its own. */
export class Crew {
  readonly #parts: CrewParts
  #done = 0
  #running = 0
  #longest = 0

  constructor(parts: CrewParts) {
    this.#parts = parts
  }

  /** Queries and transactions that succeeded. */
  get done(): number {
    return this.#done
  }

  get running(): number {
    return this.#running
  }

  /** The longest that one took, whether or not it succeeded, less the pauses that are its own, in ms. */
  get longest(): number {
    return this.#longest
  }

  /** Ends when every worker has ended what it was at after the signal was aborted. */
  async work(books: readonly Books[], until: AbortSignal): Promise<void> {
    await Promise.all(books.map((own, worker) => this.#worker(own, new Dice(this.#parts.seed, worker + 1), until)))
  }

  async #worker(books: Books, dice: Dice, until: AbortSignal): Promise<void> {
    const startedAt = performance.now()
    let addsUp = true
    while (!until.aborted) {
      const isRest = (performance.now() - startedAt) % REST_EVERY > REST_EVERY - REST
      const work = isRest ? [] : await nextWork(this.#parts.client.prisma, books, dice)
      const succeeded = await Promise.all(work.map((one) => this.#do(one)))
      const failed = succeeded.includes(false)
      if (failed && addsUp) addsUp = await this.#check(books)
      await sleep(failed ? AFTER_FAILURE : BETWEEN)
    }
  }

  /** Looks whether what failed did what it says; if it does not, it is known when and why. */
  async #check(books: Books): Promise<boolean> {
    const findings = await books.audit(this.#parts.client.prisma).catch(() => [])
    for (const finding of findings) this.#parts.incidents.add('rows do not add up', finding)
    return findings.length === 0
  }

  async #do(work: Work): Promise<boolean> {
    const from = Date.now()
    this.#running++
    try {
      await work.run()
      this.#done++
      work.tally?.add()
      return true
    } catch (error) {
      this.#failed(work, error, from)
      return false
    } finally {
      this.#running--
      this.#longest = Math.max(this.#longest, Date.now() - from - work.ownLength)
    }
  }

  #failed({ kind, tally, undecided, ownLength }: Work, error: unknown, from: number): void {
    const { failures, incidents, faults, events, client, tokenLife, max } = this.#parts
    const until = Date.now()
    const cause = causeOf(error)
    if (undecided() && mayHaveRun(cause)) tally?.addPerhaps()
    const busy = client.adapter.stats().inFlight >= max
    const why = explain({ cause, from, until, ownLength, busy }, faults, tokenLife)
    events.add(until, `${kind} failed after ${until - from} ms: ${cause}${why === undefined ? ', unexplained' : ''}`)
    if (why !== undefined) {
      failures.addExplained(cause, why)
      return
    }
    failures.addUnexplained(cause)
    incidents.add(cause, lastLine(error), from)
  }
}

/** Prisma's messages begin with the code around the call. */
function lastLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.trim().split('\n').at(-1) ?? ''
}
