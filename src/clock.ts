/** A timer that was set. */
export interface Timer {
  /** Keeps the callback from running. Harmless when it has run already. */
  cancel(): void
}

/**
 * Where the time comes from. Everything in this package that reads the time or waits takes one, so that tests run on
 * virtual time.
 */
export interface Clock {
  /** The wall clock, in ms since the epoch. */
  now(): number
  /**
   * Calls `callback` once, no sooner than `delay` ms from now. Never keeps the process alive.
   *
   * @param delay - in ms
   */
  setTimer(delay: number, callback: () => void): Timer
}

/**
 * How long a wait has lasted, in ms. A clock that was set back is not waited out: the wait then begins anew, and its
 * `since` is moved.
 *
 * @param wait - `since`: when it began, in ms since the epoch
 * @param now - in ms since the epoch
 */
export function elapsed(wait: { since: number }, now: number): number {
  wait.since = Math.min(wait.since, now)
  return now - wait.since
}

/** When a wait of `delay` ms is over, in ms since the epoch; of a clock that was set back as {@link elapsed} has it. */
export function dueAt(wait: { since: number }, delay: number, now: number): number {
  return now - elapsed(wait, now) + delay
}

/** A source of randomness: a number from 0 (included) to 1 (not included), as `Math.random` gives it. */
export type Random = () => number

/** The longest delay that `setTimeout` takes without overflowing, in ms. */
const MAX_DELAY = 2 ** 31 - 1

/** The machine's own clock and timers; the timers are `unref`'d. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(delay, callback) {
    const handle = setTimeout(callback, Math.min(Math.max(delay, 0), MAX_DELAY))
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}
