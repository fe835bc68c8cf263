/** A timer that was set. */
export interface Timer {
  /** Keeps the callback from running. Does nothing if it has already run. */
  cancel(): void
}

/**
 * The source of time. Everything in this package that reads the time or waits takes one, so tests can run on virtual
 * time.
 */
export interface Clock {
  /** The wall clock, in ms since the epoch. */
  now(): number
  /** A clock that is never set, in ms from an arbitrary start. It may stand still while the machine sleeps. */
  monotonic(): number
  /**
   * Calls `callback` once, no sooner than `delay` ms from now. Never keeps the process alive.
   *
   * @param delay - in ms
   */
  setTimer(delay: number, callback: () => void): Timer
}

/**
 * Measures how long something has lasted, by the clock that saw more time pass: the wall clock may be set back, and the
 * monotonic one stands still while the machine sleeps.
 */
export class Stopwatch {
  readonly #clock: Clock
  readonly #now: number
  readonly #monotonic: number

  /** Begins now. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#now = clock.now()
    this.#monotonic = clock.monotonic()
  }

  /** In ms. */
  get elapsed(): number {
    return Math.max(this.#clock.now() - this.#now, this.#clock.monotonic() - this.#monotonic)
  }

  /** What is left of a wait of `delay` ms, in ms; 0 or less when it is over. */
  left(delay: number): number {
    return delay - this.elapsed
  }
}

/** A source of randomness: a number from 0 (included) to 1 (not included), as `Math.random` gives it. */
export type Random = () => number

/** The longest delay that `setTimeout` takes without overflowing, in ms. */
export const MAX_DELAY = 2 ** 31 - 1

/** The machine's own clock and timers; the timers are `unref`'d. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delay, callback) {
    const handle = setTimeout(callback, Math.min(Math.max(delay, 0), MAX_DELAY))
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Waits for `delay` ms. If the signal is aborted, rejects with its reason, and cancels the timer. */
export function sleep(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = clock.setTimer(delay, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
