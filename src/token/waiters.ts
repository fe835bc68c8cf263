import type { Clock } from '../time/clock.ts'

interface Waiter<T> {
  resolve(value: T): void
  reject(error: unknown): void
  /** Removes its timer and its listener. */
  stop(): void
}

/** Work that waits for the same thing, each with its own timeout. */
export class Waiters<T> {
  readonly #waiting = new Set<Waiter<T>>()
  readonly #clock: Clock
  readonly #onLeave: () => void

  /** @param onLeave - called after a wait has timed out or was aborted */
  constructor(clock: Clock, onLeave: () => void) {
    this.#clock = clock
    this.#onLeave = onLeave
  }

  get size(): number {
    return this.#waiting.size
  }

  /**
   * @param timeout - in ms
   * @param onTimeout - gives the result of a wait that has timed out, or throws
   * @throws what `onTimeout` throws; the signal's reason
   */
  wait(timeout: number, signal: AbortSignal | undefined, onTimeout: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = (end: () => void) => {
        this.#release(waiter)
        end()
        this.#onLeave()
      }
      const onAbort = () => leave(() => reject(signal?.reason))
      const timer = this.#clock.setTimer(timeout, () => {
        leave(() => {
          try {
            resolve(onTimeout())
          } catch (error) {
            reject(error)
          }
        })
      })
      const waiter: Waiter<T> = {
        resolve,
        reject,
        stop() {
          timer.cancel()
          signal?.removeEventListener('abort', onAbort)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.add(waiter)
    })
  }

  resolveAll(value: T): void {
    for (const waiter of [...this.#waiting]) this.#release(waiter).resolve(value)
  }

  rejectAll(error: unknown): void {
    for (const waiter of [...this.#waiting]) this.#release(waiter).reject(error)
  }

  #release(waiter: Waiter<T>): Waiter<T> {
    this.#waiting.delete(waiter)
    waiter.stop()
    return waiter
  }
}
