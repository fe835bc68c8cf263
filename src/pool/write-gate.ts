import { setMaxListeners } from 'node:events'
import { reasonOf } from '../errors/entra-error.ts'
import { connectRetryInterval } from '../login/retry.ts'
import { Stopwatch, sleep, type Timer } from '../time/clock.ts'
import type { PoolConnection, PoolContext } from './connection.ts'
import type { Connections } from './connections.ts'
import type { Logins } from './logins.ts'

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
export class WriteGate<C extends PoolConnection> {
  readonly #pool: PoolContext
  readonly #connections: Connections<C>
  readonly #logins: Logins<C>
  readonly #openAside: () => Promise<C>
  readonly #onChange: () => void
  #shut: Shut | undefined
  #waiting = 0
  #closed = false
  /** Aborted when something changes. All waiting work listens to it. */
  #change = new AbortController()

  /**
   * @param openAside - opens a connection beside those that serve the queue, and lends it
   * @param onChange - called when connections were evicted, or no work waits any more
   */
  constructor(
    pool: PoolContext,
    connections: Connections<C>,
    logins: Logins<C>,
    openAside: () => Promise<C>,
    onChange: () => void,
  ) {
    this.#pool = pool
    this.#connections = connections
    this.#logins = logins
    this.#openAside = openAside
    this.#onChange = onChange
  }

  /** Whether the database takes writes, as far as is known. */
  get isOpen(): boolean {
    return this.#pool.hasWritten === true && !this.isShut
  }

  /** Whether the database has taken writes, and now refuses them: then what may write has to `pass`. */
  get isShut(): boolean {
    return this.#shut !== undefined
  }

  /** Work that waits until the database takes writes again. */
  get waiting(): number {
    return this.#waiting
  }

  /** What it waits for, how long at most, and why; undefined if none waits. */
  get awaited(): string | undefined {
    if (this.#shut === undefined || this.#waiting === 0) return undefined
    const most = this.#pool.settings.connectRetryTimeout
    return `the database to take writes again, for up to ${Math.round(most / 1000)} s: ${reasonOf(this.#shut.error)}`
  }

  /**
   * Reports that a write was refused on a connection because its database is read-only. If the database has taken writes,
   * what may write waits until it does, and the open connections serve reads meanwhile. If not, the connection, all that are
   * older, and all to the same address are closed, or lent no more.
   */
  refused(connection: C, error: Error): void {
    if (this.#pool.hasWritten) this.#failed(error)
    else this.#connections.evictAlike(connection)
    this.#onChange()
  }

  /** Reports that a write succeeded on a connection. */
  accepted(connection: C): void {
    this.#pool.hasWritten = true
    const { id = 0 } = this.#connections.get(connection) ?? {}
    if (this.#shut === undefined || id <= this.#shut.last) return
    this.#open(CHANGED)
    // Others may lead to the old primary, where reads succeed.
    this.#connections.evictOthers(connection)
    this.#onChange()
  }

  /**
   * Waits until the database takes writes again, or it is this work's turn to try it.
   *
   * @param isTransaction - whether it is more than one statement
   * @param waited - since when the work has waited
   * @returns a new connection to try it on, to be given back by `release`; undefined for any one that `acquire` gives
   * @throws why writes are refused, after `connectRetryTimeout`, or why there is no such connection
   */
  async pass(isTransaction: boolean, waited: Stopwatch): Promise<C | undefined> {
    this.#waiting++
    try {
      while (await this.#turn(isTransaction, waited)) {
        const { max, loginsAtOnce } = this.#pool.settings
        // While logins fail, one is tried for all work.
        if (this.#connections.size + this.#logins.underWay >= max + loginsAtOnce || this.#logins.delay > 0) break
        try {
          return await this.#openAside()
        } catch (error) {
          if (!this.#logins.mayPass(error) || waited.left(this.#pool.settings.connectRetryTimeout) <= 0) throw error
          // It may have given up meanwhile.
          if (this.isShut) this.#failed(error)
        }
      }
      return undefined
    } finally {
      if (--this.#waiting === 0) this.#onChange()
    }
  }

  /** Ends all waits with this reason, and shuts no more. */
  close(reason: Error): void {
    this.#closed = true
    this.#open(reason)
  }

  /** A write was refused, or the login for an attempt. */
  #failed(error: unknown): void {
    if (this.#closed) return
    const { clock, settings, emit } = this.#pool
    const isFirst = this.#shut === undefined
    this.#shut ??= {
      error,
      last: this.#connections.opened,
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

  /** Waits until writes are taken, or for the turn to try that. @returns whether it is this work's turn */
  async #turn(isTransaction: boolean, waited: Stopwatch): Promise<boolean> {
    const { clock, settings, onWait } = this.#pool
    for (let shut = this.#shut; shut !== undefined; shut = this.#shut) {
      const delay = shut.isTrying ? LONGEST_ATTEMPT : shut.delay + (isTransaction ? AFTER_STATEMENTS : 0)
      // A server that has gone silent gets no more logins at once than a rotation makes.
      const isFull = shut.isTrying && this.#logins.underWay >= settings.loginsAtOnce
      const due = isFull ? LONGEST_ATTEMPT : shut.tried.left(delay)
      if (due <= 0) {
        shut.tried = new Stopwatch(clock)
        shut.delay = this.#delay(++shut.attempt)
        shut.isTrying = true
        return true
      }
      const left = waited.left(settings.connectRetryTimeout)
      if (left <= 0) throw shut.error
      onWait()
      await sleep(clock, Math.min(due, left), this.#change.signal).catch((reason) => {
        if (reason !== CHANGED) throw reason
      })
    }
    return false
  }

  /** It was no failover: the database has become a read-only one, and says so from now on. */
  #giveUp(): void {
    this.#pool.hasWritten = false
    this.#open(CHANGED)
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
