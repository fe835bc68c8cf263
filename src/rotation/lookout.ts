import { type Clock, Stopwatch } from '../clock.ts'

/** How long ago the sockets may have been looked at last when a connection is lent, in ms. */
const LOOK_EVERY = 100

/**
 * Has the event loop hear of sockets that ended before one of them is used. A process that was frozen, or has just been
 * busy, may run a timer first, and send a statement on a connection whose far end closed long ago.
 */
export class Lookout {
  readonly #clock: Clock
  #age: Stopwatch | undefined
  #looking: Promise<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when every socket that had ended has been heard of; undefined where that was done just now. */
  look(): Promise<void> | undefined {
    if (this.#age !== undefined && this.#age.left(LOOK_EVERY) > 0) return undefined
    this.#looking ??= aTurnOfTheLoop().then(() => {
      this.#age = new Stopwatch(this.#clock)
      this.#looking = undefined
    })
    return this.#looking
  }
}

/** Of two immediates the second runs after the sockets were polled: the first one may be of the turn that is under way. */
function aTurnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve))
  })
}
