import type { Clock, Timer } from '../../src/time/clock.ts'

interface Pending {
  at: number
  order: number
  callback: () => void
}

/** A clock that stands still until a test moves it. */
export class VirtualClock implements Clock {
  #now: number
  #skew = 0
  #order = 0
  readonly #pending = new Set<Pending>()

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now
  }

  now(): number {
    return this.#now + this.#skew
  }

  monotonic(): number {
    return this.#now
  }

  setTimer(delay: number, callback: () => void): Timer {
    // Whole milliseconds, as Node's: a rest that is lost in rounding would come due again and again.
    const pending: Pending = { at: this.#now + Math.max(Math.ceil(delay), 0), order: this.#order++, callback }
    this.#pending.add(pending)
    return { cancel: () => this.#pending.delete(pending) }
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#pending.size
  }

  /** Lets `ms` pass: runs what comes due at its time, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms
    await settle()
    for (let next = this.#next(); next !== undefined && next.at <= until; next = this.#next()) {
      this.#now = Math.max(this.#now, next.at)
      this.#pending.delete(next)
      next.callback()
      await settle()
    }
    this.#now = until
  }

  /** Sets the wall clock, to this many ms ahead of what it would be. Timers and the monotonic clock do not care. */
  set(skew: number): void {
    this.#skew = skew
  }

  /** Moves the clock without running a timer: a frozen process, a suspended machine. */
  jump(ms: number): void {
    this.#now += ms
  }

  #next(): Pending | undefined {
    return [...this.#pending].sort((a, b) => a.at - b.at || a.order - b.order)[0]
  }
}

/** Lets every promise that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
