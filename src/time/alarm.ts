import { type Clock, Stopwatch, type Timer } from './clock.ts'

/**
 * No timer is armed for longer than this, in ms: the clock is read again when it fires. `setTimeout` overflows at
 * 2^31 − 1 ms, and stands still while a machine sleeps.
 */
const MAX_TIMER = 240_000

/** One timer, which is set anew by whoever hears it. What is due then is for the clock to say. */
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

  /** Takes the place of what was set before. @param delay - in ms; `Infinity` for none */
  set(delay: number): void {
    this.cancel()
    if (delay === Number.POSITIVE_INFINITY) return
    this.#set = { age: new Stopwatch(this.#clock), delay }
    this.#timer = this.#clock.setTimer(Math.min(delay, MAX_TIMER), this.#ring)
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#set = undefined
  }

  /** How long until its time comes by the clock, in ms; `Infinity` where it is not set. */
  get left(): number {
    return this.#set === undefined ? Number.POSITIVE_INFINITY : this.#set.age.left(this.#set.delay)
  }

  /** Whether its time has come by the clock: a process that was frozen may ask before its timers run. */
  get due(): boolean {
    return this.#set !== undefined && this.#set.age.left(this.#set.delay) <= 0
  }
}
