import { setTimeout as sleep } from 'node:timers/promises'
import { type AccessToken, ManagedIdentityCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { Child } from '../bench/child.ts'
import { reasonOf } from '../demo/recording.ts'
import { PrismaClient } from '../generated/prisma/client.ts'
import { type AdapterEvent, PrismaMssqlEntra, TokenSource } from '../src/index.ts'
import type { GatewayStats } from '../src/testing/index.ts'
import { Dice } from '../test/simulation/random.ts'
import { countingClock } from '../test/support/counting-clock.ts'
import type { Order } from './azure-process.ts'
import { causeOf, explain, type FaultSpan, mayHaveRun, SLOW, WAIT_TIMEOUT } from './explain.ts'
import { faultPlan } from './faults.ts'
import type { Report } from './report.ts'
import { Ledger, type Work } from './workload.ts'

const WORKERS = 8
/** In ms. */
const TOKEN_LIFE = 10_000
const MAX = 5
const LOGINS_AT_ONCE = 3
/** Of the token request that is waited for, and of those that the token source gave up and the credential did not. */
const TOKEN_SOCKETS = 3

/** Waits that suit tokens of seconds, in ms. The defaults are for tokens of an hour. */
const CONNECT_TIMEOUT = 4_000
const TOKEN_REQUEST_TIMEOUT = 3_000
const CONNECT_RETRY_INTERVAL = 500

/** After work that failed, in ms: a fault that refuses at once is not to be met a thousand times. */
const AFTER_FAILURE = 100
/** Between two pieces of work, in ms: the other process needs some time too. */
const BETWEEN = 10
/** Every so often all workers rest, in ms: a rotation with nothing to do. */
const REST_EVERY = 120_000
const REST = 12_000
/** How long work may take to end after the last fault, and what the credential goes on with after the client, in ms. */
const LAST_WORK = 120_000
const LAST_REQUESTS = 20_000
/** How often sockets are counted, the heap is measured and the progress is told, in ms. */
const COUNT_EVERY = 50
const MEASURE_EVERY = 5_000
const TELL_EVERY = 10_000
/** A timer that is this late shows that the machine is too busy to tell what Azure would have done, in ms. */
const SLOW_FROM = 500
/** Lines that are kept to be shown with a failure that nothing explains. */
const KEPT_LINES = 30

/** Where the local Azure is, and what makes `ManagedIdentityCredential` ask its authority. */
interface Ready {
  config: MssqlConfig
  environment: Record<string, string>
}

type Azure = Child<Order, unknown, Ready>

/** A soak: Prisma Client and the adapter in this process, the local Azure and its faults in another. */
export class Soak {
  readonly #seed: number
  readonly #tell: (line: string) => void
  readonly #spans: FaultSpan[] = []
  readonly #lines: string[] = []
  readonly #heap: number[] = []
  readonly #faults: Report['faults'] = {}
  readonly #explained: Report['explained'] = {}
  readonly #unexplained: Report['unexplained'] = []
  readonly #warnings: string[] = []
  #connections = 0
  #mostConnections = 0
  #mostSockets = 0
  #running = 0
  #done = 0
  #longest = 0

  constructor(seed: number, tell: (line: string) => void) {
    this.#seed = seed
    this.#tell = tell
  }

  /**
   * @param stop - ends the run before its time
   * @throws Error where Node was started without `--expose-gc`
   */
  async run(minutes: number, stop: AbortSignal): Promise<Report> {
    if (globalThis.gc === undefined) throw new Error('Node must be started with --expose-gc, as npm run soak does.')
    this.#watchWarnings()
    const azure: Azure = await Child.start(new URL('azure-process.ts', import.meta.url), [String(TOKEN_LIFE)])
    try {
      return await this.#runOn(azure, minutes * 60_000, stop)
    } finally {
      await azure.close()
    }
  }

  async #runOn(azure: Azure, length: number, stop: AbortSignal): Promise<Report> {
    const before = process.getActiveResourcesInfo()
    const clock = countingClock()
    const adapter = this.#adapter(azure.ready, clock)
    const prisma = new PrismaClient({ adapter })
    const ledgers: Ledger[] = []
    await calmly(azure, async (calm) => {
      for (let i = 1; i <= WORKERS; i++) ledgers.push(await Ledger.open(calm, prisma, `worker-${i}`))
    })

    const startedAt = performance.now()
    // Node 20 collects a signal of `AbortSignal.timeout` that only `AbortSignal.any` holds.
    const ended = new AbortController()
    const timer = setTimeout(() => ended.abort(), length)
    stop.addEventListener('abort', () => ended.abort())
    if (stop.aborted) ended.abort()
    const over = ended.signal
    const work = Promise.all(ledgers.map((own, i) => this.#work(adapter, own, new Dice(this.#seed, i + 1), over)))
    await Promise.all([this.#disturb(azure, over), this.#watch(over)])
    clearTimeout(timer)
    const seconds = (performance.now() - startedAt) / 1000
    await Promise.race([work, sleep(LAST_WORK, undefined, { ref: false })])

    const neverEnded = this.#running
    const findings: string[] = []
    await calmly(azure, async (calm) => {
      for (const own of ledgers) findings.push(...(await own.audit(calm)))
    })
    const { rotations, tokensRequested: tokenRequests } = adapter.stats()
    await prisma.$disconnect()
    // Read at once: a timer that is left may still end by itself.
    const timers = Array.from({ length: clock.timers }, () => 'a timer of the adapter')
    const until = performance.now() + LAST_REQUESTS
    let gateway = await statsOf(azure)
    while ((leftOver(before).length > 0 || gateway.sessionsOpen > 0) && performance.now() < until) {
      await sleep(200)
      gateway = await statsOf(azure)
    }
    const sessions = Array.from({ length: gateway.sessionsOpen }, () => 'a session of the gateway')
    return {
      seed: this.#seed,
      seconds,
      done: this.#done,
      longest: this.#longest,
      rotations,
      tokenRequests,
      logins: gateway.logins,
      faults: this.#faults,
      explained: this.#explained,
      unexplained: this.#unexplained,
      neverEnded,
      findings,
      slow: this.#spans.reduce((sum, { kind, from, until }) => sum + (kind === SLOW ? until - from : 0), 0) / 1000,
      requestsAfterExpiry: gateway.requestsAfterExpiry,
      leastTimeLeft: gateway.leastTimeLeft,
      heap: this.#heap,
      sockets: { most: this.#mostSockets, allowed: MAX + LOGINS_AT_ONCE + TOKEN_SOCKETS },
      connections: { most: this.#mostConnections, allowed: MAX + LOGINS_AT_ONCE },
      left: [...timers, ...leftOver(before), ...sessions],
      warnings: this.#warnings,
    }
  }

  #adapter({ config, environment }: Ready, clock: ReturnType<typeof countingClock>): PrismaMssqlEntra {
    Object.assign(process.env, environment)
    const beforeConnect: MssqlConfig['beforeConnect'] = (connection) => {
      this.#mostConnections = Math.max(this.#mostConnections, ++this.#connections)
      connection.once('end', () => this.#connections--)
    }
    return new PrismaMssqlEntra(
      { ...config, connectionTimeout: CONNECT_TIMEOUT, pool: { max: MAX }, beforeConnect },
      {
        tokenSource: new TokenSource(new ManagedIdentityCredential(), {
          scope: 'https://database.windows.net/.default',
          requestTimeout: TOKEN_REQUEST_TIMEOUT,
          clock,
        }),
        rotation: {
          waitTimeout: WAIT_TIMEOUT,
          connectRetryInterval: CONNECT_RETRY_INTERVAL,
          loginsAtOnce: LOGINS_AT_ONCE,
        },
        onEvent: (event) => this.#note(describe(event)),
        clock,
      },
    )
  }

  async #work(adapter: PrismaMssqlEntra, ledger: Ledger, dice: Dice, until: AbortSignal): Promise<void> {
    const startedAt = performance.now()
    while (!until.aborted) {
      const rests = (performance.now() - startedAt) % REST_EVERY > REST_EVERY - REST
      const works = rests ? [] : await ledger.next(dice)
      const succeeded = await Promise.all(works.map((work) => this.#do(adapter, work)))
      await sleep(succeeded.includes(false) ? AFTER_FAILURE : BETWEEN)
    }
  }

  async #do(adapter: PrismaMssqlEntra, work: Work): Promise<boolean> {
    const from = Date.now()
    this.#running++
    try {
      await work.run()
      this.#done++
      if (work.tally !== undefined) work.tally.sure++
      return true
    } catch (error) {
      const cause = causeOf(error)
      if (work.tally !== undefined && work.undecided() && mayHaveRun(cause)) work.tally.unsure++
      this.#failed(error, cause, from, work.ownLength, adapter.stats().inFlight >= MAX)
      return false
    } finally {
      this.#running--
      this.#longest = Math.max(this.#longest, Date.now() - from - work.ownLength)
    }
  }

  #failed(error: unknown, cause: string, from: number, ownLength: number, busy: boolean): void {
    const until = Date.now()
    const why = explain({ cause, from, until, ownLength, busy }, this.#spans, TOKEN_LIFE)
    this.#note(`${cause} after ${until - from} ms: ${why ?? 'unexplained'}`)
    if (why === undefined) {
      this.#unexplained.push({ cause, detail: reasonOf(error), before: [...this.#lines] })
    } else {
      const name = `${cause}: ${why}`
      this.#explained[name] = (this.#explained[name] ?? 0) + 1
    }
  }

  async #disturb(azure: Azure, until: AbortSignal): Promise<void> {
    for (const { calm, lasts, faults } of faultPlan(this.#seed)) {
      await pause(calm, until)
      if (until.aborted) return
      const begun: { span: FaultSpan; handle: number }[] = []
      for (const { kind, disturbance } of faults) {
        this.#faults[kind] = (this.#faults[kind] ?? 0) + 1
        this.#note(`fault begins: ${kind}`)
        const span: FaultSpan = { kind, from: Date.now(), until: Number.POSITIVE_INFINITY }
        this.#spans.push(span)
        begun.push({ span, handle: (await azure.ask({ begin: disturbance })) as number })
      }
      await pause(lasts, until)
      for (const { span, handle } of begun) {
        await azure.ask({ end: handle })
        span.until = Date.now()
        this.#note(`fault ends: ${span.kind}`)
      }
    }
  }

  async #watch(until: AbortSignal): Promise<void> {
    const startedAt = performance.now()
    let measured = startedAt
    let told = startedAt
    while (!until.aborted) {
      const from = Date.now()
      await sleep(COUNT_EVERY)
      if (Date.now() - from > COUNT_EVERY + SLOW_FROM) this.#spans.push({ kind: SLOW, from, until: Date.now() })
      const now = performance.now()
      this.#mostSockets = Math.max(this.#mostSockets, socketCount())
      if (now - measured >= MEASURE_EVERY) {
        measured = now
        this.#heap.push(await heapInUse())
      }
      if (now - told >= TELL_EVERY) {
        told = now
        const explained = Object.values(this.#explained).reduce((sum, count) => sum + count, 0)
        const failures = `${explained} failures explained, ${this.#unexplained.length} not`
        this.#tell(`${Math.round((now - startedAt) / 1000)} s: ${this.#done} queries, ${failures}`)
      }
    }
  }

  /** Keeps a line, to be shown with a failure. */
  #note(text: string): void {
    this.#lines.push(`${new Date().toISOString().slice(11, 23)} ${text}`)
    if (this.#lines.length > KEPT_LINES) this.#lines.shift()
  }

  #watchWarnings(): void {
    process.on('warning', ({ name, message }) => {
      if (name !== 'DeprecationWarning' && name !== 'ExperimentalWarning') this.#warnings.push(`${name}: ${message}`)
    })
    process.on('unhandledRejection', (reason) => this.#warnings.push(`nobody handled a rejection: ${String(reason)}`))
  }
}

/** Gives a client whose token lives for an hour, at times without faults: for what is not part of the run. */
async function calmly(azure: Azure, work: (prisma: PrismaClient) => Promise<void>): Promise<void> {
  const credential = { getToken: async () => (await azure.ask({ token: true })) as AccessToken }
  const prisma = new PrismaClient({ adapter: new PrismaMssqlEntra(azure.ready.config, { credential }) })
  try {
    await work(prisma)
  } finally {
    await prisma.$disconnect()
  }
}

async function statsOf(azure: Azure): Promise<GatewayStats> {
  return (await azure.ask({ stats: true })) as GatewayStats
}

function describe({ type, at, ...fields }: AdapterEvent): string {
  const shown = Object.entries(fields).map(([name, value]) => {
    if (value instanceof Error) return `${name} ${value.message.split('\n')[0]}`
    const isTime = name === 'expiresOn' || name === 'refreshAfter'
    return `${name} ${isTime ? `in ${Math.round(value - at)} ms` : value}`
  })
  return `${type}: ${shown.join(', ')}`
}

async function pause(ms: number, until: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: until }).catch(() => {})
}

/** TCP sockets of this process that are open or being opened; idle keep-alive connections are not counted. */
function socketCount(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
}

/** What keeps the process alive that was not there before. */
function leftOver(before: readonly string[]): string[] {
  const left = process.getActiveResourcesInfo()
  for (const kind of before) {
    const i = left.indexOf(kind)
    if (i >= 0) left.splice(i, 1)
  }
  return left
}

/** Bytes on the heap that are in use, after a collection. Twice: what finalizers let go is collected then. */
async function heapInUse(): Promise<number> {
  globalThis.gc?.()
  await new Promise((resolve) => setImmediate(resolve))
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
