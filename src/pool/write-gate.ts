import { setMaxListeners } from 'node:events'
import { connectRetryInterval } from '../login/retry.ts'
import { Stopwatch, sleep, type Timer } from '../time/clock.ts'
import type { PoolContext } from './connection.ts'

/** How much longer a transaction waits before it probes, in ms: what it did before its first write cannot be run again. */
const AFTER_STATEMENTS = 100

/** Why a wait at the gate ends before its time. */
const OPENED = new Error('The database takes writes again.')

/** What is known while the gate is shut. */
interface Shut {
  error: Error
  /** Ends it after `connectRetryTimeout`. */
  readonly timer: Timer
  /** The number of the last connection that was open then: what succeeds on it, or an older one, was sent before. */
  readonly last: number
  /** Aborted when it opens, or the pool is closed. */
  readonly end: AbortController
  attempt: number
  /** Since the last attempt began. */
  tried: Stopwatch
  /** From then until the next one, in ms. */
  delay: number
  /** Whether the refusal of the last attempt is to be told. */
  untold: boolean
}

/**
 * Holds back what may write while a database refuses writes that has taken them: it has become a secondary, and soon its
 * name leads to the new primary. One piece of work at a time tries that, on a new connection. If all did, each transaction
 * would fail, and each refusal would cost all connections.
 */
export class WriteGate {
  readonly #pool: PoolContext
  #shut: Shut | undefined

  constructor(pool: PoolContext) {
    this.#pool = pool
  }

  get isShut(): boolean {
    return this.#shut !== undefined
  }

  /**
   * Notes that a write was refused.
   *
   * @param last - the number of the last connection
   */
  refused(error: Error, last: number): void {
    const { clock, emit } = this.#pool
    this.#shut ??= this.#begin(error, last)
    const shut = this.#shut
    shut.error = error
    if (!shut.untold) return
    shut.untold = false
    const { attempt, tried, delay } = shut
    emit({ type: 'connect.retry', at: clock.now(), error, attempt, retryInMs: Math.max(tried.left(delay), 0) })
  }

  /**
   * Notes that a write succeeded on the connection with this number.
   *
   * @returns whether that opened the gate
   */
  accepted(connection: number): boolean {
    if (this.#shut === undefined || connection <= this.#shut.last) return false
    this.#end(OPENED)
    return true
  }

  /** Ends all waits with this reason. */
  close(reason: Error): void {
    this.#end(reason)
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
      const due = shut.tried.left(shut.delay + (isTransaction ? AFTER_STATEMENTS : 0))
      if (due <= 0) {
        shut.tried = new Stopwatch(clock)
        shut.delay = this.#delay(++shut.attempt)
        shut.untold = true
        return true
      }
      const left = waited.left(settings.connectRetryTimeout)
      if (left <= 0) throw shut.error
      await sleep(clock, Math.min(due, left), shut.end.signal).catch((reason) => {
        if (reason !== OPENED) throw reason
      })
    }
    return false
  }

  #begin(error: Error, last: number): Shut {
    const { clock, settings } = this.#pool
    const end = new AbortController()
    // All waiting work listens to it.
    setMaxListeners(0, end.signal)
    const timer = clock.setTimer(settings.connectRetryTimeout, () => this.#giveUp())
    return { error, timer, last, end, attempt: 1, tried: new Stopwatch(clock), delay: this.#delay(1), untold: true }
  }

  /** It was no failover: the database has become a read-only one, and says so from now on. */
  #giveUp(): void {
    if (this.#shut === undefined) return
    this.#pool.hasWritten = false
    this.#end(this.#shut.error)
  }

  #delay(attempt: number): number {
    return connectRetryInterval(attempt, this.#pool.random(), this.#pool.settings, true)
  }

  #end(reason: Error): void {
    this.#shut?.timer.cancel()
    this.#shut?.end.abort(reason)
    this.#shut = undefined
  }
}
