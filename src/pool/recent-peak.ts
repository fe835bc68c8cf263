import { type Clock, Stopwatch } from '../time/clock.ts'

/** How far back it looks, in ms: between one and two of these. */
const WINDOW = 30_000

/** The most that a count was of late: how many connections were at work at a time. */
export class RecentPeak {
  readonly #clock: Clock
  #window: Stopwatch
  #peak = 0
  #before = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#window = new Stopwatch(clock)
  }

  /** Called where the count has risen. */
  note(count: number): void {
    this.#slide(count)
    if (count > this.#peak) this.#peak = count
  }

  /** @param count - what it is now */
  of(count: number): number {
    this.#slide(count)
    return Math.max(this.#peak, this.#before, count)
  }

  #slide(count: number): void {
    const age = this.#window.elapsed
    if (age < WINDOW) return
    this.#before = age < 2 * WINDOW ? this.#peak : count
    this.#peak = count
    this.#window = new Stopwatch(this.#clock)
  }
}
