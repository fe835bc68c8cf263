import { setTimeout as sleep } from 'node:timers/promises'
import { HeapTrend } from './heap-trend.ts'
import { heapInUse, socketCount } from './resources.ts'

/** How often sockets are counted, in ms. */
const LOOK_EVERY = 50

/** What the process uses over a run. */
export class Usage {
  readonly trend: HeapTrend
  readonly heapAtStart: number
  readonly socketsAtStart = socketCount()
  #heap: number
  #mostSockets = this.socketsAtStart

  private constructor(length: number, heap: number) {
    this.trend = new HeapTrend(length)
    this.heapAtStart = heap
    this.#heap = heap
  }

  /** @param length - of the run, in ms */
  static async begin(length: number): Promise<Usage> {
    return new Usage(length, await heapInUse())
  }

  /** As it was measured last, in bytes. */
  get heap(): number {
    return this.#heap
  }

  get mostSockets(): number {
    return this.#mostSockets
  }

  /** Measures until the signal is aborted. */
  async watch(until: AbortSignal): Promise<void> {
    const startedAt = performance.now()
    for (let next = this.trend.interval; !until.aborted; ) {
      this.#mostSockets = Math.max(this.#mostSockets, socketCount())
      await sleep(LOOK_EVERY)
      if (performance.now() - startedAt < next) continue
      this.#heap = await heapInUse()
      const elapsed = performance.now() - startedAt
      this.trend.add(elapsed, this.#heap)
      next = elapsed + this.trend.interval
    }
  }
}
