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
  #waiters: Waiter[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get length(): number {
    return this.#waiters.length
  }

  /**
   * Waits at the end of the line, or at its head.
   *
   * @param timeout - in ms
   * @param tooLate - what to reject with after that
   * @returns what was entered; undefined where it must look for itself
   */
  join(where: 'end' | 'head', timeout: number, tooLate: () => unknown): Promise<Generation | undefined> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(timeout, () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
        reject(tooLate())
      })
      const waiter: Waiter = { resolve, reject, timer }
      if (where === 'end') this.#waiters.push(waiter)
      else this.#waiters.unshift(waiter)
    })
  }

  /** Lets in one after the other, until `enter` lets in no more. */
  serve(enter: () => Generation | undefined): void {
    while (this.#waiters.length > 0) {
      const entered = enter()
      if (entered === undefined) return
      this.#next()?.resolve(entered)
    }
  }

  /** Has everybody look for himself. */
  dissolve(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) next.resolve(undefined)
  }

  /** Sends everybody away. */
  reject(error: unknown): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) next.reject(error)
  }

  #next(): Waiter | undefined {
    const next = this.#waiters.shift()
    next?.timer.cancel()
    return next
  }
}
