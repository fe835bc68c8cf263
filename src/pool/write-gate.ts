import { setMaxListeners } from 'node:events'
import { connectRetryInterval } from '../login/retry.ts'
import { Stopwatch, sleep, type Timer } from '../time/clock.ts'
import type { PoolContext } from './connection.ts'

/** How much longer a transaction waits before it tries, in ms: what it does before its first write cannot be run again. */
const AFTER_STATEMENTS = 100

/** How long an attempt may take before the next one, in ms: a transaction may never write. */
const LONGEST_ATTEMPT = 2_000

/** Why a wait is over: something has changed. */
const CHANGED = new Error('The wait is over.')

/** What is known while the gate is shut. */
interface Shut {
  /** Why the last attempt failed. */
  error: unknown
  /** The number of the last connection that was open then: what succeeds on it, or an older one, was sent before. */
  readonly last: number
  /** Ends it after `connectRetryTimeout`. */
  readonly timer: Timer
  /** Since the last attempt began. */
  tried: Stopwatch
  attempt: number
  /** Whether it is not known yet what came of it. */
  isTrying: boolean
  /** From then until the next one, in ms. */
  delay: number
}

/**
 * Holds back what may write while a database refuses writes that has taken them: it has become a secondary, and soon its
 * name leads to the new primary. One piece of work at a time tries that, on a new connection. If all did, each transaction
 * would fail, and each refusal would cost connections.
 */
export class WriteGate {
  readonly #pool: PoolContext
  #shut: Shut | undefined
  /** Aborted when something changes. All waiting work listens to it. */
  #change = new AbortController()

  constructor(pool: PoolContext) {
    this.#pool = pool
  }

  get isShut(): boolean {
    return this.#shut !== undefined
  }

  /**
   * Notes that a write was refused, or the login for an attempt.
   *
   * @param last - the number of the last connection
   */
  refused(error: unknown, last: number): void {
    const { clock, settings, emit } = this.#pool
    const isFirst = this.#shut === undefined
    this.#shut ??= {
      error,
      last,
      timer: clock.setTimer(settings.connectRetryTimeout, () => this.#giveUp()),
      tried: new Stopwatch(clock),
      attempt: 1,
      isTrying: false,
      delay: this.#delay(1),
    }
    const shut = this.#shut
    if (!isFirst && !shut.isTrying) return
    shut.isTrying = false
    shut.error = error
    const { attempt, tried, delay } = shut
    const retryInMs = Math.max(tried.left(delay), 0)
    emit({ type: 'connect.retry', at: clock.now(), error: error as Error, attempt, retryInMs })
    this.#wake(CHANGED)
  }

  /**
   * Notes that a write succeeded on the connection with this number.
   *
   * @returns whether that opened the gate
   */
  accepted(connection: number): boolean {
    if (this.#shut === undefined || connection <= this.#shut.last) return false
    this.#open(CHANGED)
    return true
  }

  /** Ends all waits with this reason. */
  close(reason: Error): void {
    this.#open(reason)
  }

  /**
   * Waits until writes are taken, or for the turn to try that.
   *
   * @param isTransaction - whether it is more than one statement
   * @param waited - since when the work has waited
   * @returns whether it is this work's turn to try
   * @throws why writes are refused, after `connectRetryTimeout`
   */
  async pass(isTransaction: boolean, waited: Stopwatch): Promise<boolean> {
    const { clock, settings } = this.#pool
    for (let shut = this.#shut; shut !== undefined; shut = this.#shut) {
      const delay = shut.isTrying ? LONGEST_ATTEMPT : shut.delay + (isTransaction ? AFTER_STATEMENTS : 0)
      const due = shut.tried.left(delay)
      if (due <= 0) {
        shut.tried = new Stopwatch(clock)
        shut.delay = this.#delay(++shut.attempt)
        shut.isTrying = true
        return true
      }
      const left = waited.left(settings.connectRetryTimeout)
      if (left <= 0) throw shut.error
      await sleep(clock, Math.min(due, left), this.#change.signal).catch((reason) => {
        if (reason !== CHANGED) throw reason
      })
    }
    return false
  }

  /** It was no failover: the database has become a read-only one, and says so from now on. */
  #giveUp(): void {
    this.#pool.hasWritten = false
    this.#open(this.#shut?.error)
  }

  #delay(attempt: number): number {
    return connectRetryInterval(attempt, this.#pool.random(), this.#pool.settings, true)
  }

  #open(reason: unknown): void {
    this.#shut?.timer.cancel()
    this.#shut = undefined
    this.#wake(reason)
  }

  #wake(reason: unknown): void {
    this.#change.abort(reason)
    this.#change = new AbortController()
    setMaxListeners(0, this.#change.signal)
  }
}
