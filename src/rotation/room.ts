import { type Clock, Stopwatch } from '../clock.ts'
import { sleep } from '../connect/sleep.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { Generation } from './generation.ts'
import type { GenerationPool } from './pool.ts'

/** How often it is looked whether the connections of old generations have become fewer, in ms. A rare thing. */
export const CROWDED_POLL = 20

/**
 * How many connections there may be: two generations at their `max` are the most there ever are. Where a third still
 * has connections, or is being opened, all together have no more than that.
 */
export class Room {
  readonly #living: ReadonlySet<Generation>
  readonly #waitTimeout: number
  readonly #clock: Clock
  /** The connections of the generation that is being opened and warmed, which does not live yet. */
  #next: Pick<GenerationPool, 'connectionCount'> | undefined

  /**
   * @param living - every generation that has connections
   * @param waitTimeout - how long to wait for room, in ms
   */
  constructor(living: ReadonlySet<Generation>, waitTimeout: number, clock: Clock) {
    this.#living = living
    this.#waitTimeout = waitTimeout
    this.#clock = clock
  }

  /** Whether the current generation may take one more piece of work, for which it has or may open a connection. */
  admits(current: Generation): boolean {
    return current.inFlight < current.pool.max && !this.isCrowded(current)
  }

  /** Whether it is the connections of other generations that leave the current one no room for more work. */
  isCrowded(current: Generation): boolean {
    if (this.#living.size + (this.#next === undefined ? 0 : 1) <= 2) return false
    return current.inFlight >= 2 * current.pool.max - this.#connectionsBeside(current)
  }

  /**
   * Opens a pool as soon as there may be one more connection.
   *
   * @param max - connections of one pool; undefined where there is none yet
   * @throws {@link EntraError} `CONNECT_TIMEOUT`, or what `open` threw
   */
  async open(
    max: number | undefined,
    open: () => Promise<GenerationPool>,
    signal: AbortSignal,
  ): Promise<GenerationPool> {
    const wait = new Stopwatch(this.#clock)
    while (max !== undefined && this.#connectionsBeside(undefined) >= 2 * max) {
      if (wait.elapsed >= this.#waitTimeout) throw crowdedError(this.#waitTimeout)
      await sleep(this.#clock, CROWDED_POLL, signal)
    }
    this.#next = { connectionCount: () => 1 }
    try {
      const pool = await open()
      this.#next = pool
      return pool
    } catch (error) {
      this.#next = undefined
      throw error
    }
  }

  /** Sets connections aside for the next generation. @returns how many it may open, `wanted` at most */
  reserve(pool: GenerationPool, wanted: number): number {
    const count = Math.min(wanted, 2 * pool.max - this.#connectionsBeside(undefined))
    this.#next = { connectionCount: () => Math.max(count, pool.connectionCount()) }
    return count
  }

  /** The next generation took over, or will not. */
  settle(): void {
    this.#next = undefined
  }

  #connectionsBeside(generation: Generation | undefined): number {
    let count = this.#next?.connectionCount() ?? 0
    for (const other of this.#living) if (other !== generation) count += other.connections
    return count
  }
}

export function crowdedError(waited: number): EntraError {
  return new EntraError(
    'CONNECT_TIMEOUT',
    `No connection was free within ${waited} ms: transactions on connections of earlier tokens hold as many as there ` +
      'may be. Make transactions shorter, or the pool larger (connectionLimit).',
  )
}
