import { EntraError } from '../errors/entra-error.ts'
import { failureOf } from '../login/failure.ts'
import { type ConnectTiming, connectRetryInterval } from '../login/retry.ts'
import { type Clock, type Random, Stopwatch } from '../time/clock.ts'
import type { TokenSource } from '../token/token-source.ts'
import type { OpenConnection, PoolConnection } from './connection.ts'
import { loginDelay } from './schedule.ts'

/** What a login ends with that no work waits for any more. */
const NOBODY_WAITS = new Error('No work waits for this login any more.')

/** Logins failed, and how long the next one waits. */
interface Backoff {
  error: unknown
  attempt: number
  since: Stopwatch
  /** In ms. */
  delay: number
}

/** What the next login's wait depends on, beside the failure itself. */
export interface LoginDemand {
  /** Whether other connections serve the work meanwhile. */
  served: boolean
  /** Of the work that has waited longest, in ms; undefined where none waits. */
  timeLeft: number | undefined
}

/** Logs in for the pool, and waits between logins while they fail: one tries for all then. */
export class Logins<C extends PoolConnection> {
  readonly #source: TokenSource
  readonly #open: OpenConnection<C>
  readonly #timing: ConnectTiming
  readonly #clock: Clock
  readonly #random: Random
  #underWay = 0
  #waitingForToken = 0
  #succeeded = false
  /** Aborted when no work waits any more: then no token is waited for. */
  #demand = new AbortController()
  #tokenWait: Stopwatch | undefined
  #backoff: Backoff | undefined

  constructor(source: TokenSource, open: OpenConnection<C>, timing: ConnectTiming, clock: Clock, random: Random) {
    this.#source = source
    this.#open = open
    this.#timing = timing
    this.#clock = clock
    this.#random = random
  }

  /** Logins that have begun, those that wait for a token included. */
  get underWay(): number {
    return this.#underWay
  }

  /** How long all of them have waited for a token, in ms; undefined if one of them has one, or gets one at once. */
  get tokenWait(): number | undefined {
    const all = this.#underWay > 0 && this.#waitingForToken === this.#underWay
    return all && this.#source.stats().waiting > 0 ? this.#tokenWait?.elapsed : undefined
  }

  /** Why the last login failed; undefined where it succeeded, or there was none. */
  get error(): unknown {
    return this.#backoff?.error
  }

  /** How long the next login for waiting work has to wait yet, in ms; 0 or less for not at all. */
  get delay(): number {
    if (this.#backoff === undefined) return 0
    if (this.#underWay > 0) return Number.POSITIVE_INFINITY
    return this.#backoff.since.left(this.#backoff.delay)
  }

  /** Counts a login as under way until its work has settled, what is done with the connection included. */
  async count(work: () => Promise<void>): Promise<void> {
    this.#underWay++
    try {
      await work()
    } finally {
      this.#underWay--
    }
  }

  /** The same as `open`, for work that waits: ended by `nobodyWaits`. */
  openForWork(stopped: AbortSignal): Promise<C> {
    if (this.#demand.signal.aborted) this.#demand = new AbortController()
    return this.open(this.#demand.signal, stopped)
  }

  /** Has logins that wait for a token end: no work waits for them any more. */
  nobodyWaits(): void {
    this.#demand.abort(NOBODY_WAITS)
  }

  /** Whether a login ended because no work waited for it any more. */
  wasGivenUp(error: unknown): boolean {
    return error === NOBODY_WAITS
  }

  /**
   * Gets a token and logs in with it. A token that the server refuses is replaced once.
   *
   * @param signal - ends the wait for a token
   * @param stopped - ends all of it
   * @throws the signal's reason; {@link EntraError} where no token could be had or the server took no login
   */
  async open(signal: AbortSignal, stopped: AbortSignal): Promise<C> {
    const lease = await this.#lease(signal)
    const connection = await this.#open(lease, stopped).catch(async (error) => {
      stopped.throwIfAborted()
      const next = error instanceof EntraError && (await this.#source.refused(lease, error, { signal }))
      if (!next) throw error
      return this.#open(next, stopped)
    })
    this.#succeeded = true
    this.#backoff = undefined
    return connection
  }

  /** Whether what a login failed for passes by itself. */
  mayPass(error: unknown): boolean {
    const failure = failureOf(error, this.#succeeded)
    return failure === 'unavailable' || failure === 'not-sent'
  }

  /**
   * Notes that a login failed.
   *
   * @returns when the next one begins; undefined where that is known: several that were under way together count as one
   */
  failed(error: unknown, { served, timeLeft }: LoginDemand): { attempt: number; retryInMs: number } | undefined {
    const known = this.#backoff
    if (known !== undefined && known.since.left(known.delay) > 0) {
      known.error = error
      return undefined
    }
    const attempt = (known?.attempt ?? 0) + 1
    const delay = loginDelay(connectRetryInterval(attempt, this.#random(), this.#timing), {
      mayPass: this.mayPass(error),
      served,
      timeLeft,
      longest: this.#timing.connectRetryTimeout,
    })
    this.#backoff = { error, attempt, since: new Stopwatch(this.#clock), delay }
    return { attempt, retryInMs: delay }
  }

  async #lease(signal: AbortSignal) {
    if (this.#waitingForToken++ === 0) this.#tokenWait = new Stopwatch(this.#clock)
    try {
      return await this.#source.get({ timeout: Number.POSITIVE_INFINITY, signal })
    } finally {
      this.#waitingForToken--
    }
  }
}
