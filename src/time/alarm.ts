import { type Clock, Stopwatch, type Timer } from './clock.ts'

/**
 * No timer is armed for longer than this, in ms: the clock is read again when it fires. `setTimeout` overflows at
 * 2^31 − 1 ms, and stands still while a machine sleeps.
 */
const MAX_TIMER = 240_000

/** One timer for everything that its owner has to do later. When it rings, the owner does what is due and sets it again. */
export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #timer: Timer | undefined
  #set: { age: Stopwatch; delay: number } | undefined

  /** @param ring - called when it is time, or earlier */
  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** Replaces what was set before. @param delay - in ms; `Infinity` for none */
  set(delay: number): void {
    this.cancel()
    if (delay === Number.POSITIVE_INFINITY) return
    this.#set = { age: new Stopwatch(this.#clock), delay }
    this.#timer = this.#clock.setTimer(Math.min(delay, MAX_TIMER), this.#ring)
  }

  /** Sets it for `delay` ms from now, unless it is due sooner. */
  setWithin(delay: number): void {
    if (delay < this.left) this.set(delay)
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#set = undefined
  }

  /** How long until it is due by the clock, in ms; `Infinity` if it is not set. */
  get left(): number {
    return this.#set === undefined ? Number.POSITIVE_INFINITY : this.#set.age.left(this.#set.delay)
  }

  /** Whether it is due by the clock: a process that was frozen may ask before its timers run. */
  get due(): boolean {
    return this.left <= 0
  }
}
