import type { Clock, Timer } from '../clock.ts'
import type { Generation } from './generation.ts'

interface Waiter {
  /** `undefined`: to look for itself. */
  resolve(entered: Generation | undefined): void
  reject(error: unknown): void
  timer: Timer
}

/** Work that waits for a place in a generation: first come, first served. */
export class WaitingLine {
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get length(): number {
    return this.#waiters.size
  }

  /**
   * Waits at the end of the line.
   *
   * @param timeout - in ms
   * @param tooLate - what to reject with after that
   * @returns what was entered; undefined where it must look for itself
   */
  join(timeout: number, tooLate: () => unknown): Promise<Generation | undefined> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(timeout, () => {
        this.#waiters.delete(waiter)
        reject(tooLate())
      })
      const waiter: Waiter = { resolve, reject, timer }
      this.#waiters.add(waiter)
    })
  }

  /** Lets in one after the other, until `enter` lets in no more. */
  serve(enter: () => Generation | undefined): void {
    for (const waiter of this.#waiters) {
      const entered = enter()
      if (entered === undefined) return
      this.#leave(waiter).resolve(entered)
    }
  }

  /** Has everybody look for himself. */
  dissolve(): void {
    for (const waiter of this.#waiters) this.#leave(waiter).resolve(undefined)
  }

  /** Sends everybody away. */
  reject(error: unknown): void {
    for (const waiter of this.#waiters) this.#leave(waiter).reject(error)
  }

  #leave(waiter: Waiter): Waiter {
    this.#waiters.delete(waiter)
    waiter.timer.cancel()
    return waiter
  }
}
