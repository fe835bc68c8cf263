import { setTimeout as sleep } from 'node:timers/promises'
import { type AccessToken, ManagedIdentityCredential } from '@azure/identity'
import { Child } from '../bench/child.ts'
import { reasonOf } from '../demo/recording.ts'
import { PrismaClient } from '../generated/prisma/client.ts'
import { type AdapterEvent, PrismaMssqlEntra, TokenSource } from '../src/index.ts'
import type { Clock } from '../src/time/clock.ts'
import { SeededRandom } from '../test/simulation/random.ts'
import { countingClock } from '../test/support/counting-clock.ts'
import type { AzureStats } from './azure-process.ts'
import { type Azure, disturb } from './disturb.ts'
import { causeOf, explain, type FaultSpan, mayHaveRun, SLOW, TOKEN_LIFE, WAIT_TIMEOUT, wasHeldUp } from './explain.ts'
import { faultPlan } from './faults.ts'
import { heapInUse, leftOver, sleepAndNote, socketCount, watchStalls } from './measure.ts'
import { Report } from './report.ts'
import { type Ledger, openLedger, type Work } from './workload.ts'

const WORKERS = 8
const MAX = 5
const LOGINS_AT_ONCE = 3
/** Each connection has one; the token source waits for one request, and has given up on two that still run. */
export const SOCKETS_ALLOWED = MAX + LOGINS_AT_ONCE + 3

/** How long work may take to end after the last fault, and what the credential still requests after the client, in ms. */
const LAST_WORK = 120_000
const LAST_REQUESTS = 20_000
/** How often sockets are counted, the heap is measured and progress is printed, in ms. */
const COUNT_EVERY = 50
const MEASURE_EVERY = 5_000
const PRINT_EVERY = 10_000

/** Prisma Client and the adapter in this process, and the local Azure with its faults in another. */
export class Soak {
  readonly #seed: number
  readonly #report: Report
  readonly #spans: FaultSpan[] = []
  #running = 0

  constructor(seed: number) {
    this.#seed = seed
    this.#report = new Report(seed)
  }

  /**
   * @param stop - ends the run early
   * @throws Error if Node was started without `--expose-gc`
   */
  async run(minutes: number, stop: AbortSignal): Promise<Report> {
    if (globalThis.gc === undefined) throw new Error('Node must be started with --expose-gc, as npm run soak does.')
    this.#report.watchProcess()
    const azure: Azure = await Child.start(new URL('azure-process.ts', import.meta.url), [String(TOKEN_LIFE)])
    try {
      await this.#runOn(azure, minutes * 60_000, stop)
      return this.#report
    } finally {
      await azure.close()
    }
  }

  async #runOn(azure: Azure, length: number, stop: AbortSignal): Promise<void> {
    const report = this.#report
    const stalls = watchStalls()
    const before = process.getActiveResourcesInfo()
    const clock = countingClock()
    const adapter = this.#adapter(azure, clock)
    const prisma = new PrismaClient({ adapter })
    // A client whose token lives for an hour makes and audits the rows, at times without faults.
    const credential = { getToken: async () => (await azure.ask({ token: true })) as AccessToken }
    const calm = new PrismaClient({ adapter: new PrismaMssqlEntra(azure.ready.config, { credential }) })
    const ledgers: Ledger[] = []
    for (let i = 1; i <= WORKERS; i++) ledgers.push(await openLedger(calm, prisma, `worker-${i}`))
    await calm.$disconnect()

    const startedAt = performance.now()
    // Node 20 collects a signal of `AbortSignal.timeout` that only `AbortSignal.any` holds.
    const end = new AbortController()
    const timer = setTimeout(() => end.abort(), length)
    stop.addEventListener('abort', () => end.abort())
    if (stop.aborted) end.abort()
    const work = ledgers.map((ledger, i) =>
      this.#work(adapter, ledger, new SeededRandom(this.#seed, i + 1), end.signal),
    )
    const note = (text: string) => report.note(text)
    await Promise.all([disturb(azure, faultPlan(this.#seed), this.#spans, note, end.signal), this.#watch(end.signal)])
    report.faults = this.#spans.filter(({ kind }) => kind !== SLOW).length
    clearTimeout(timer)
    report.seconds = (performance.now() - startedAt) / 1000
    await Promise.race([Promise.all(work), sleep(LAST_WORK, undefined, { ref: false })])

    report.neverEnded = this.#running
    for (const ledger of ledgers) report.wrongRows.push(...(await ledger.audit()))
    await calm.$disconnect()
    const { rotations, tokensRequested: tokenRequests } = adapter.stats()
    await prisma.$disconnect()
    // Read at once: a timer that is left may still end by itself.
    report.left.push(...Array(clock.timers).fill('a timer of the adapter'))
    const until = performance.now() + LAST_REQUESTS
    let stats = (await azure.ask({ stats: true })) as AzureStats
    while ((leftOver(before).length > 0 || stats.sessionsOpen > 0) && performance.now() < until) {
      await sleep(200)
      stats = (await azure.ask({ stats: true })) as AzureStats
    }
    report.left.push(...leftOver(before), ...Array(stats.sessionsOpen).fill('a session of the gateway'))
    const { logins, requestsAfterExpiry, lateRequests, leastTimeLeft } = stats
    Object.assign(report, { rotations, tokenRequests, logins, requestsAfterExpiry, leastTimeLeft })
    for (const late of lateRequests) report.late(late, wasHeldUp(late, [...stalls, ...stats.stalls]))
  }

  /** With waits that suit tokens of seconds: the defaults are for tokens of an hour. */
  #adapter(azure: Azure, clock: Clock): PrismaMssqlEntra {
    const { config, environment } = azure.ready
    Object.assign(process.env, environment)
    const scope = 'https://database.windows.net/.default'
    return new PrismaMssqlEntra(
      { ...config, connectionTimeout: 4_000, pool: { max: MAX } },
      {
        tokenSource: new TokenSource(new ManagedIdentityCredential(), { scope, requestTimeout: 3_000, clock }),
        rotation: { waitTimeout: WAIT_TIMEOUT, connectRetryInterval: 500, loginsAtOnce: LOGINS_AT_ONCE },
        onEvent: (event) => this.#report.note(textOf(event)),
        clock,
      },
    )
  }

  async #work(adapter: PrismaMssqlEntra, ledger: Ledger, random: SeededRandom, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      const succeeded = await Promise.all(ledger.next(random).map((work) => this.#do(adapter, work)))
      // After a failure a little longer: a fault that refuses at once must not cost a thousand queries.
      await sleep(succeeded.includes(false) ? 100 : random.chance(0.04) ? random.scaled(100, 3_000) : 10)
    }
  }

  async #do(adapter: PrismaMssqlEntra, { run, tally, ownLength, undecided }: Work): Promise<boolean> {
    const from = Date.now()
    this.#running++
    try {
      await run()
      this.#report.done++
      if (tally !== undefined) tally.sure++
      return true
    } catch (error) {
      const cause = causeOf(error)
      if (tally !== undefined && undecided() && mayHaveRun(cause)) tally.unsure++
      const why = explain(cause, from, Date.now(), this.#spans, ownLength, adapter.stats().inFlight >= MAX)
      this.#report.note(`${cause} after ${Date.now() - from} ms: ${why ?? 'unexplained'}`)
      this.#report.failed(cause, why, reasonOf(error))
      return false
    } finally {
      this.#running--
      this.#report.longest = Math.max(this.#report.longest, Date.now() - from - ownLength)
    }
  }

  async #watch(until: AbortSignal): Promise<void> {
    const report = this.#report
    for (let ticks = 1; !until.aborted; ticks++) {
      await sleepAndNote(COUNT_EVERY, this.#spans)
      report.sockets = Math.max(report.sockets, socketCount())
      if (ticks % (MEASURE_EVERY / COUNT_EVERY) === 0) report.heap.push(await heapInUse())
      if (ticks % (PRINT_EVERY / COUNT_EVERY) === 0) {
        console.log(
          `${report.done} queries, ${report.explainedCount} failures explained, ${report.unexplained.length} not`,
        )
      }
    }
  }
}

function textOf({ type, at, ...fields }: AdapterEvent): string {
  const shown = Object.entries(fields).map(([name, value]) => {
    if (value instanceof Error) return `${name} ${value.message.split('\n')[0]}`
    const isTime = name === 'expiresOn' || name === 'refreshAfter'
    return `${name} ${isTime ? `in ${Math.round(value - at)} ms` : value}`
  })
  return `${type}: ${shown.join(', ')}`
}
