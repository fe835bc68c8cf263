import { EntraError, isMistake, reasonOf } from '../errors/entra-error.ts'
import { failureOf, isAtLimit } from '../login/refusals.ts'
import { connectRetryInterval } from '../login/retry.ts'
import { Stopwatch } from '../time/clock.ts'
import type { Lease } from '../token/lease.ts'
import type { OpenConnection, PoolConnection, PoolContext } from './connection.ts'
import type { Queue } from './queue.ts'
import { loginDelay } from './schedule.ts'

/** The error of a login that no work waits for any more. */
const NOT_NEEDED = new Error('No work waits for this login any more.')

/** After logins that failed: how long the next one waits. */
interface Backoff {
  error: unknown
  attempt: number
  since: Stopwatch
  /** In ms. */
  delay: number
}

/** Logs in for the pool. While logins fail, it waits between them, and makes one at a time. */
export class Logins<C extends PoolConnection> {
  readonly #pool: PoolContext
  readonly #open: OpenConnection<C>
  readonly #onToken: () => void
  #unsubscribe: (() => void) | undefined
  #underWay = 0
  #waitingForToken = 0
  /** Aborted when no work waits any more: then the wait for a token ends. */
  #demand = new AbortController()
  #tokenWait: Stopwatch | undefined
  #backoff: Backoff | undefined

  /** @param onToken - called when there is a new token */
  constructor(pool: PoolContext, open: OpenConnection<C>, onToken: () => void) {
    this.#pool = pool
    this.#open = open
    this.#onToken = onToken
  }

  /** Logins in progress, including those that wait for a token. */
  get underWay(): number {
    return this.#underWay
  }

  /** How long all of them have waited for a token, in ms; undefined if one of them has one, or gets one at once. */
  get tokenWait(): number | undefined {
    const all = this.#underWay > 0 && this.#waitingForToken === this.#underWay
    return all && this.#pool.source.stats().waiting > 0 ? this.#tokenWait?.elapsed : undefined
  }

  /** Why the last login failed; undefined if it succeeded, or there was none. */
  get error(): unknown {
    return this.#backoff?.error
  }

  /** What work waits for that has no connection, how long at most, and why, as the end of a sentence. */
  get awaited(): string {
    const { error, tokenWait } = this
    const { settings, source } = this.#pool
    const [what, most, why] =
      error === undefined && tokenWait !== undefined
        ? ['a token', settings.waitTimeout, source.lack]
        : ['the database', this.longestWait(error), reasonOf(error ?? 'the login has not been answered yet.')]
    return `${what}, for up to ${Math.round(most / 1000)} s: ${why}`
  }

  /** How long the next login for waiting work still has to wait, in ms; 0 or less if it need not. */
  get delay(): number {
    if (this.#backoff === undefined) return 0
    if (this.#underWay > 0) return Number.POSITIVE_INFINITY
    return this.#backoff.since.left(this.#backoff.delay)
  }

  /** Counts a login as in progress until `work` has ended, including what is done with the connection. */
  async count<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay++
    // From the first login on, so that a token request goes on for as long as a login may need it.
    this.#unsubscribe ??= this.#pool.source.subscribe(({ type }) => type === 'token.acquired' && this.#onToken())
    try {
      return await work()
    } finally {
      this.#underWay--
    }
  }

  /** No token is needed until the next login. */
  rest(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }

  /** As `open`, for work that waits: aborted by `abandon`. */
  openForWork(stopped: AbortSignal): Promise<C> {
    if (this.#demand.signal.aborted) this.#demand = new AbortController()
    return this.open(this.#demand.signal, stopped, false)
  }

  /** Ends logins that wait for a token, because no work waits for them any more. */
  abandon(): void {
    this.#demand.abort(NOT_NEEDED)
  }

  /**
   * Gets a token and logs in with it. A token that the server refuses, or that ended before the login, is replaced once.
   *
   * @param signal - ends the wait for a token
   * @param stopped - ends all of it
   * @param forRotation - whether it opens a replacement
   * @throws the signal's reason; {@link EntraError} if there was no token or the server accepted no login
   */
  async open(signal: AbortSignal, stopped: AbortSignal, forRotation: boolean): Promise<C> {
    const lease = await this.#lease(signal)
    const connection = await this.#open(lease, stopped, forRotation).catch(async (error) => {
      stopped.throwIfAborted()
      // A process that is slow to start, or was frozen, may get here late. Then nothing was sent.
      const cameLate = failureOf(error, true) === 'not-sent' && !lease.isFresh
      const next = cameLate ? await this.#lease(signal) : await this.#refused(lease, error, signal)
      if (next === undefined) throw error
      return this.#open(next, stopped, forRotation)
    })
    this.#pool.hasConnected = true
    this.#backoff = undefined
    return connection
  }

  /** Whether a failed login may succeed later. */
  mayPass(error: unknown): boolean {
    const failure = failureOf(error, this.#pool.hasConnected)
    return failure === 'unavailable' || failure === 'not-sent'
  }

  /** How long work waits for a login that failed with this, in ms. */
  longestWait(error: unknown): number {
    const { settings, hasConnected } = this.#pool
    return !hasConnected && isMistake(error) ? settings.mistakeTimeout : settings.connectRetryTimeout
  }

  /**
   * Notes that a login for waiting work failed, rejects work that should not wait for another one, and announces that one,
   * unless an earlier failure has.
   *
   * @param served - whether other connections serve the work meanwhile
   */
  failed(error: unknown, served: boolean, queue: Queue<C>): void {
    if (error === NOT_NEEDED) return
    const { settings, clock, random, emit, hasConnected } = this.#pool
    const longest = this.longestWait(error)
    const mayPass = this.mayPass(error)
    if (!served) queue.reject(error, mayPass ? longest : 0)
    const known = this.#backoff
    if (known !== undefined && known.since.left(known.delay) > 0) {
      known.error = error
      return
    }
    const timeLeft = queue.length === 0 ? undefined : longest - queue.longestWait
    // What passes by itself is tried again soon, however often something else failed before.
    const attempt = known !== undefined && this.mayPass(known.error) === mayPass ? known.attempt + 1 : 1
    const isMove = hasConnected && mayPass && !isAtLimit(error)
    const interval = connectRetryInterval(attempt, random(), settings, isMove)
    const retryInMs = loginDelay(interval, mayPass, served, timeLeft, longest)
    this.#backoff = { error, attempt, since: new Stopwatch(clock), delay: retryInMs }
    if (queue.length === 0) return
    emit({ type: 'connect.retry', at: clock.now(), error: error as Error, attempt, retryInMs })
  }

  async #refused(lease: Lease, error: unknown, signal: AbortSignal): Promise<Lease | undefined> {
    return error instanceof EntraError ? this.#pool.source.refused(lease, error, { signal }) : undefined
  }

  async #lease(signal: AbortSignal): Promise<Lease> {
    if (this.#waitingForToken++ === 0) this.#tokenWait = new Stopwatch(this.#pool.clock)
    try {
      return await this.#pool.source.get({ timeout: Number.POSITIVE_INFINITY, signal })
    } finally {
      this.#waitingForToken--
    }
  }
}
