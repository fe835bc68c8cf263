import type { LateRequest } from '../src/testing/index.ts'

/** How many notes are kept, and shown before a failure that nothing explains. */
const KEPT_NOTES = 500
const SHOWN_NOTES = 30

/** The figures of a run. */
export class Report {
  readonly seed: number
  readonly #subject: 'adapter' | 'proxy'
  readonly #notes: { at: number; text: string }[] = []
  /** How long the workload ran, in s. */
  seconds = 0
  /** Queries and transactions that succeeded. */
  done = 0
  /** The longest that one took, without its own pauses, in ms. */
  longest = 0
  rotations = 0
  /** How many clients of the proxy came, by what they did. */
  readonly came: Record<string, number> = {}
  tokenRequests = 0
  logins = 0
  faults = 0
  /** How many failures a fault explains, by cause and fault. */
  readonly explained: Record<string, number> = {}
  /** The others, with what happened before. */
  readonly unexplained: { cause: string; detail: string; before: readonly string[] }[] = []
  /** Work that had not ended long after the last fault. */
  neverEnded = 0
  /** Rows that do not add up. */
  readonly wrongRows: string[] = []
  requestsAfterExpiry = 0
  /** Those of them that came late because a process stood still. */
  heldUp = 0
  /** What and when they were. */
  readonly lateRequests: string[] = []
  /** The least time left on a session's token at a request, in ms. */
  leastTimeLeft: number | undefined
  /** In bytes, each after a garbage collection. */
  readonly heap: number[] = []
  /** The most TCP sockets of this process at once. */
  sockets = 0
  /** What was left when all clients had gone, here and at the gateway. */
  readonly left: string[] = []
  /** Unhandled rejections, and Node's warnings. */
  readonly warnings: string[] = []

  constructor(seed: number, subject: 'adapter' | 'proxy' = 'adapter') {
    this.seed = seed
    this.#subject = subject
  }

  /** Counts what Node warns of, and what nobody handles, from now on. */
  watchProcess(): void {
    process.on('warning', ({ name, message }) => {
      if (name !== 'DeprecationWarning' && name !== 'ExperimentalWarning') this.warnings.push(`${name}: ${message}`)
    })
    process.on('unhandledRejection', (reason) => this.warnings.push(`nobody handled a rejection: ${reason}`))
  }

  /** Keeps a line, to show with a failure. */
  note(text: string): void {
    this.#notes.push({ at: Date.now(), text })
    if (this.#notes.length > KEPT_NOTES) this.#notes.shift()
  }

  /** Counts a failure. @param why - undefined if nothing explains it */
  failed(cause: string, why: string | undefined, detail: string, at = Date.now()): void {
    if (why !== undefined) {
      this.explained[`${cause}: ${why}`] = (this.explained[`${cause}: ${why}`] ?? 0) + 1
      return
    }
    const before = this.#notes.filter((note) => note.at <= at).slice(-SHOWN_NOTES)
    const lines = before.map((note) => `${timeOf(note.at)} ${note.text}`)
    this.unexplained.push({ cause, detail, before: lines })
  }

  /** Notes a request after its token's expiry. @param heldUp - because a process stood still */
  late({ at, lateBy, sql }: LateRequest, heldUp: boolean): void {
    if (heldUp) this.heldUp++
    const why = heldUp ? ', after a process stood still' : ''
    this.lateRequests.push(`${timeOf(at)} ${lateBy} ms after expiry${why}: ${sql}`)
  }

  get explainedCount(): number {
    return Object.values(this.explained).reduce((total, count) => total + count, 0)
  }

  /** What is wrong; empty if nothing is. */
  problems(socketsAllowed: number): string[] {
    const heap = heapGrowth(this.heap, this.tokenRequests)
    return [
      this.done === 0 && 'no query succeeded',
      this.#subject === 'adapter' && this.rotations === 0 && 'no rotation happened',
      this.unexplained.length > 0 && `${this.unexplained.length} failures that no fault explains`,
      this.neverEnded > 0 && `${this.neverEnded} queries or transactions never ended`,
      heap !== undefined && heap.grew > heap.allowed && `the heap grew by ${megabytes(heap.grew)}`,
      this.sockets > socketsAllowed && `${this.sockets} sockets, but ${socketsAllowed} are allowed`,
      this.requestsAfterExpiry > this.heldUp &&
        `${this.requestsAfterExpiry - this.heldUp} requests after their token's expiry`,
      ...this.wrongRows.map((row) => `rows do not add up: ${row}`),
      this.left.length > 0 &&
        `left after ${this.#subject === 'adapter' ? '$disconnect' : 'the clients'}: ${this.left.join(', ')}`,
      ...this.warnings,
    ].filter((problem) => problem !== false)
  }

  /** What is printed at the end. */
  text(socketsAllowed: number): string {
    const row = (label: string, value: string | number) => `  ${label.padEnd(54)}${value}`
    const heap = heapGrowth(this.heap, this.tokenRequests)
    const problems = this.problems(socketsAllowed)
    const frequent = Object.entries(this.explained).toSorted(([, a], [, b]) => b - a)
    return [
      row('ran', `${Math.round(this.seconds)} s, seed ${this.seed}`),
      row('queries and transactions', this.done.toLocaleString('en')),
      ...(this.#subject === 'adapter'
        ? [row('the longest took', `${(this.longest / 1000).toFixed(1)} s`), row('rotations', this.rotations)]
        : []),
      ...Object.entries(this.came).map(([what, count]) => row(`clients: ${what}`, count)),
      row('token requests', this.tokenRequests),
      row('logins', this.logins),
      row('faults', this.faults),
      row('failures that a fault explains', this.explainedCount),
      ...frequent.slice(0, 6).map(([why, count]) => row(`  ${why}`, count)),
      row('failures that nothing explains', this.unexplained.length),
      ...(this.#subject === 'adapter' ? this.#rowsOfAdapter(row) : []),
      row('sockets at most', `${this.sockets} of ${socketsAllowed}`),
      row('heap', heap ? `grew by ${megabytes(heap.grew)} of ${megabytes(heap.allowed)}` : 'the run was too short'),
      ...this.unexplained
        .slice(0, 3)
        .flatMap(({ cause, detail, before }) => ['', `${cause}: ${detail}`, ...before.map((line) => `    ${line}`)]),
      '',
      problems.length === 0 ? '✓ Nothing failed without a cause.' : `✗ ${problems.join('; ')}.`,
    ].join('\n')
  }

  #rowsOfAdapter(row: (label: string, value: string | number) => string): string[] {
    return [
      row('rows', this.wrongRows.length === 0 ? 'add up' : 'do not add up'),
      row('requests after expiry', this.requestsAfterExpiry),
      ...this.lateRequests.map((line) => `    ${line}`),
      row('least time left on a token', this.leastTimeLeft === undefined ? 'none seen' : `${this.leastTimeLeft} ms`),
    ]
  }
}

/** Fewer samples of the heap say nothing: code is still being compiled, and caches fill up. */
const FEWEST_SAMPLES = 24

/**
 * By how much the heap grew from the second quarter of the run to the last, and by how much it may, in bytes; undefined
 * if the run was too short. V8 compiles and caches 2 % and 512 KiB late; `ManagedIdentityCredential` keeps an
 * `AbortController` of each request for good (measured: 1.6 KB).
 */
function heapGrowth(heap: readonly number[], tokenRequests: number): { grew: number; allowed: number } | undefined {
  if (heap.length < FEWEST_SAMPLES) return undefined
  const quarter = Math.floor(heap.length / 4)
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
  const first = median(heap.slice(quarter, 2 * quarter))
  return { grew: median(heap.slice(-quarter)) - first, allowed: 0.02 * first + 512 * 1024 + tokenRequests * 2 * 1024 }
}

/** The time of day in UTC. @param at - in ms since the epoch */
const timeOf = (at: number): string => new Date(at).toISOString().slice(11, 23)

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}
