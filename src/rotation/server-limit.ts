import { type Clock, type Random, Stopwatch } from '../clock.ts'
import { type ConnectTiming, connectRetryInterval } from '../connect/connect-policy.ts'
import type { Generation } from './generation.ts'

/** Work that waits its whole time out sees four tries at least. */
const MOST_OF_A_WAIT = 0.25

interface Limit {
  /** Whose connections there are. */
  generation: Generation
  /** Why the last login was refused. */
  error: unknown
  attempts: number
  age: Stopwatch
  delay: number
}

/**
 * While the server takes no further login (10928, a full database) and a generation still has connections, work queues
 * for those: no more is let in than there are connections, but for one each time a wait is over, whose login shows
 * whether the server takes more by now.
 */
export class ServerLimit {
  readonly #timing: ConnectTiming
  readonly #clock: Clock
  readonly #random: Random
  #limit: Limit | undefined

  constructor(timing: ConnectTiming, clock: Clock, random: Random) {
    this.#timing = timing
    this.#clock = clock
    this.#random = random
  }

  /** Why the server took no login when it was last tried; undefined while there is no limit. */
  get error(): unknown {
    return this.#limit?.error
  }

  /**
   * Notes that a further connection was refused.
   *
   * @returns when the next login is tried, in ms, and how many have failed; undefined where that was known already
   */
  refused(generation: Generation, error: unknown): { retryInMs: number; attempt: number } | undefined {
    const known = this.#limit?.generation === generation ? this.#limit : undefined
    if (known !== undefined && known.age.left(known.delay) > 0) {
      known.error = error
      return undefined
    }
    const { attempts, delay } = this.#wait({ generation, error, attempts: known?.attempts ?? 0 })
    return { retryInMs: delay, attempt: attempts }
  }

  /** Whether one more piece of work may enter a generation. */
  admits(generation: Generation): boolean {
    const limit = this.#limit
    if (limit === undefined) return true
    const { pool, inFlight } = generation
    if (limit.generation !== generation || !pool.loginsFail || pool.connectionCount() === 0) {
      this.#limit = undefined
      return true
    }
    if (inFlight < pool.lendable()) return true
    if (limit.age.left(limit.delay) > 0) return false
    this.#wait(limit)
    return true
  }

  #wait({ generation, error, attempts }: Pick<Limit, 'generation' | 'error' | 'attempts'>): Limit {
    const longest = this.#timing.connectRetryTimeout * MOST_OF_A_WAIT
    const delay = Math.min(connectRetryInterval(attempts + 1, this.#random(), this.#timing), longest)
    this.#limit = { generation, error, attempts: attempts + 1, age: new Stopwatch(this.#clock), delay }
    return this.#limit
  }
}
