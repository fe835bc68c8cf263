import type { Clock } from '../time/clock.ts'

/** Work that waits for the same thing, each with its own timeout. */
export class Waiters<T> {
  /** Each ends one wait with what the function returns or throws. */
  readonly #waiting = new Set<(result: () => T) => void>()
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
      const end = (result: () => T) => {
        this.#waiting.delete(end)
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
        try {
          resolve(result())
        } catch (error) {
          reject(error)
        }
      }
      const leave = (result: () => T) => {
        end(result)
        this.#onLeave()
      }
      const onAbort = () =>
        leave(() => {
          throw signal?.reason
        })
      const timer = this.#clock.setTimer(timeout, () => leave(onTimeout))
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.add(end)
    })
  }

  resolveAll(value: T): void {
    this.#endAll(() => value)
  }

  rejectAll(error: unknown): void {
    this.#endAll(() => {
      throw error
    })
  }

  #endAll(result: () => T): void {
    for (const end of [...this.#waiting]) end(result)
  }
}
