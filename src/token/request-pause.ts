import { type Clock, type Random, Stopwatch } from '../time/clock.ts'
import { delayOnDemand } from './refresh-policy.ts'

/** The time before which no request is made: after a failure, after the same token came again, or after a refusal. */
export class RequestPause {
  readonly #clock: Clock
  readonly #random: Random
  #set: { age: Stopwatch; delay: number; onDemand: number } | undefined

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /**
   * Begins now.
   *
   * @param delay - in ms
   * @param atLeast - even while work waits, in ms
   */
  set(delay: number, atLeast = 0): void {
    const onDemand = delayOnDemand(delay, atLeast, this.#random())
    this.#set = { age: new Stopwatch(this.#clock), delay, onDemand }
  }

  end(): void {
    this.#set = undefined
  }

  /** In ms; 0 or less where it is over. @param demand - whether work waits */
  left(demand: boolean): number {
    return this.#set?.age.left(demand ? this.#set.onDemand : this.#set.delay) ?? 0
  }
}
