import { type Clock, Stopwatch, type Timer } from '../time/clock.ts'
import type { WaitLimit } from './wait-limit.ts'

/** It is looked again after this, in ms, whether work has waited too long: the limit may change meanwhile. */
const LOOK_EVERY = 5_000

/** However short a limit is, and be it 0, there is a pause between two looks, in ms. */
const LEAST_PAUSE = 20

interface Waiter<T> {
  resolve(item: T): void
  reject(error: unknown): void
  readonly age: Stopwatch
  timer: Timer | undefined
}

/** Work that waits for a connection: first come, first served. */
export class Queue<T> {
  readonly #clock: Clock
  readonly #lookEvery: number
  readonly #limit: () => WaitLimit
  readonly #onEmpty: () => void
  #waiters: Waiter<T>[] = []

  /**
   * @param shortest - the shortest limit that there is, in ms
   * @param limit - asked while work waits
   * @param onEmpty - called when the last one has left
   */
  constructor(clock: Clock, shortest: number, limit: () => WaitLimit, onEmpty: () => void) {
    this.#clock = clock
    this.#lookEvery = Math.max(Math.min(shortest, LOOK_EVERY), LEAST_PAUSE)
    this.#limit = limit
    this.#onEmpty = onEmpty
  }

  get length(): number {
    return this.#waiters.length
  }

  /** How long the one that has waited longest has been at it, in ms; 0 where nobody waits. */
  get longestWait(): number {
    return this.#waiters.reduce((longest, { age }) => Math.max(longest, age.elapsed), 0)
  }

  /** Waits at the end of the queue. @param since - when the wait began, if that was before: then at its head */
  join(since?: Stopwatch): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = { resolve, reject, age: since ?? new Stopwatch(this.#clock), timer: undefined }
      if (since === undefined) this.#waiters.push(waiter)
      else this.#waiters.unshift(waiter)
      this.#watch(waiter)
    })
  }

  /** Gives an item to the first. */
  serve(item: T): void {
    const waiter = this.#waiters.shift()
    waiter?.timer?.cancel()
    if (this.#waiters.length === 0) this.#onEmpty()
    waiter?.resolve(item)
  }

  /** Sends away all who have waited for `timeout` ms; everybody unless it is given. */
  reject(error: unknown, timeout = 0): void {
    this.#sendAway(
      this.#waiters.filter(({ age }) => age.left(timeout) <= 0),
      error,
    )
  }

  #watch(waiter: Waiter<T>): void {
    const { timeout, error } = this.#limit()
    const left = waiter.age.left(timeout)
    if (left <= 0) this.#sendAway([waiter], error())
    else waiter.timer = this.#clock.setTimer(Math.min(left, this.#lookEvery), () => this.#watch(waiter))
  }

  #sendAway(waiters: readonly Waiter<T>[], error: unknown): void {
    if (waiters.length === 0) return
    const leaving = new Set(waiters)
    this.#waiters = this.#waiters.filter((waiter) => !leaving.has(waiter))
    for (const { timer, reject } of leaving) {
      timer?.cancel()
      reject(error)
    }
    if (this.#waiters.length === 0) this.#onEmpty()
  }
}
