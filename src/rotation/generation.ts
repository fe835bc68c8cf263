import type { GenerationClosedEvent } from '../events.ts'
import type { Lease } from '../token/lease.ts'
import type { GenerationPool } from './pool.ts'

/** How far back the measure of how busy a generation is looks, in ms: between one and two of these. */
const BUSY_WINDOW = 30_000

/** What a generation tells its rotation. */
export interface GenerationObserver {
  /** Work left it: there may be a place. */
  onLeft(): void
  /** The last work left a retired generation. */
  onIdle(generation: Generation): void
  /** Its last connection was closed. */
  onClosed(generation: Generation, reason: GenerationClosedEvent['reason']): void
}

/** What a {@link Generation} is made of. */
export interface GenerationParts {
  id: number
  lease: Lease
  pool: GenerationPool
  /** In ms since the epoch. */
  openedAt: number
  observer: GenerationObserver
  /** Whether what began before its token's end may go on after it. @defaultValue false */
  outlivesToken?: boolean
}

/** One pool opened with one lease, and the count of what is running on it. */
export class Generation {
  readonly id: number
  readonly lease: Lease
  readonly pool: GenerationPool
  /** In ms since the epoch. */
  readonly openedAt: number
  readonly #observer: GenerationObserver
  readonly #outlivesToken: boolean

  #inFlight = 0
  #holding = 0
  #retired = false
  #closing = false
  #ended = false
  readonly #closed = deferred()
  #windowStart: number
  #peak = 0
  #peakBefore = 0

  constructor(parts: GenerationParts) {
    this.id = parts.id
    this.lease = parts.lease
    this.pool = parts.pool
    this.openedAt = parts.openedAt
    this.#windowStart = parts.openedAt
    this.#observer = parts.observer
    this.#outlivesToken = parts.outlivesToken ?? false
  }

  /** How long its connections may be used, in ms; 0 or less when no more. */
  get timeLeft(): number {
    return this.#outlivesToken ? Number.POSITIVE_INFINITY : this.lease.timeLeft
  }

  /** Queries and transactions at work. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** The most connections that it may have open before any new work comes. */
  get connections(): number {
    const open = this.pool.connectionCount()
    const queries = this.#inFlight - this.#holding
    // A transaction whose connection was lost holds none.
    const wanted = Math.min(this.#holding, open) + queries
    return Math.min(Math.max(open, wanted), this.pool.max)
  }

  /** Counts work in. */
  enter(now: number): void {
    this.#inFlight++
    this.#slide(now)
    if (this.#inFlight > this.#peak) this.#peak = this.#inFlight
  }

  /** Counts work out. */
  leave(): void {
    this.#inFlight--
    if (this.#retired) this.#shrink()
    this.#observer.onLeft()
  }

  /** Tells that work which was counted in has its connection, and will never open another. */
  hold(): void {
    this.#holding++
  }

  /** Counts work out that held a connection. */
  release(): void {
    this.#holding--
    this.leave()
  }

  /** Takes no new work from now on; idle as soon as what runs has ended. */
  retire(): void {
    if (this.#retired) return
    this.#retired = true
    this.#shrink()
  }

  /** Resolves when the last connection is closed. Never rejects. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  /** Closes the connections, letting what runs on them end first. */
  close(reason: GenerationClosedEvent['reason']): void {
    this.#retired = true
    if (this.#closing) return
    this.#closing = true
    void this.pool
      .dispose()
      .catch(() => this.pool.terminate())
      .then(() => this.#end(reason))
  }

  /** Closes the connections now, whatever runs on them, and without waiting for a transaction that nobody ends. */
  cut(reason: GenerationClosedEvent['reason']): void {
    this.close(reason)
    this.pool.terminate()
    this.#end(reason)
  }

  /** The most work that ran at once of late: how many connections its successor should have open. */
  busiest(now: number): number {
    this.#slide(now)
    return Math.max(this.#peak, this.#peakBefore)
  }

  #end(reason: GenerationClosedEvent['reason']): void {
    if (this.#ended) return
    this.#ended = true
    this.#observer.onClosed(this, reason)
    this.#closed.resolve()
  }

  /** A retired generation keeps no connection that nothing runs on. */
  #shrink(): void {
    if (this.#inFlight === 0) this.#observer.onIdle(this)
    else this.pool.closeIdle()
  }

  #slide(now: number): void {
    const age = now - this.#windowStart
    if (age >= 0 && age < BUSY_WINDOW) return
    this.#peakBefore = age >= 0 && age < 2 * BUSY_WINDOW ? this.#peak : this.#inFlight
    this.#peak = this.#inFlight
    this.#windowStart = now
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
