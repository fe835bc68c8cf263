import { setMaxListeners } from 'node:events'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import type { RotationReason } from '../events.ts'
import { Stopwatch } from '../time/clock.ts'
import type { PoolConnection, PoolContext, PoolEntry } from './connection.ts'
import type { Connections } from './connections.ts'
import { addressDelay, rotationDelay, rotationRetryDelay } from './schedule.ts'

interface Plan {
  reason: RotationReason
  age: Stopwatch
  /** In ms. */
  delay: number
}

interface Run {
  reason: RotationReason
  age: Stopwatch
  /**
   * The number of the last connection that was open when it began: younger ones are no part of it, even if another token
   * has come while they logged in.
   */
  last: number
  /** Replacements to open. */
  wanted: number
  begun: number
  opened: number
  /** Replacements that are open while their old connection is still lent. */
  owed: number
  /** Aborted when there is nothing left to replace. */
  ended: AbortController
}

/**
 * Replaces connections that have an older lease or have reached their maximum age, one at a time: the replacement logs in
 * before the old connection is closed.
 */
export class Rotation<C extends PoolConnection> {
  readonly #pool: PoolContext
  readonly #connections: Connections<C>
  readonly #mayOpenOne: () => boolean
  readonly #open: (wanted: AbortSignal) => Promise<void>
  readonly #onLoginEnded: () => void
  #plan: Plan | undefined
  #run: Run | undefined
  #failures = 0
  #finished = 0

  /**
   * @param mayOpenOne - whether there may be one more connection
   * @param open - opens a replacement; its signal is aborted when there is nothing left to replace
   * @param onLoginEnded - called when a replacement is open, or has failed
   */
  constructor(
    pool: PoolContext,
    connections: Connections<C>,
    mayOpenOne: () => boolean,
    open: (wanted: AbortSignal) => Promise<void>,
    onLoginEnded: () => void,
  ) {
    this.#pool = pool
    this.#connections = connections
    this.#mayOpenOne = mayOpenOne
    this.#open = open
    this.#onLoginEnded = onLoginEnded
  }

  /** Rotations finished so far. */
  get finished(): number {
    return this.#finished
  }

  /** How long until the next one begins, in ms; `Infinity` if none is planned, or one runs. */
  get delay(): number {
    return this.#plan === undefined ? Number.POSITIVE_INFINITY : this.#plan.age.left(this.#plan.delay)
  }

  /** Plans a rotation, unless one runs, is planned for an earlier time, or will be retried after a failure. */
  plan(reason: RotationReason, delay: number): void {
    if (this.#plan !== undefined && this.#failures > 0) return
    if (this.#run === undefined && delay < this.delay)
      this.#plan = { reason, delay, age: new Stopwatch(this.#pool.clock) }
  }

  /** Plans a rotation if connections are outdated and none is planned. */
  planWhatIsDue(): void {
    const { settings, random } = this.#pool
    const { outdated, deadlineIn } = this.#connections
    if (outdated.length === 0) return
    if (outdated.some(({ ageLeft }) => ageLeft <= 0)) this.plan('max-age', 0)
    else if (this.#plan !== undefined || this.#run !== undefined) return
    else if (outdated.some(({ addressIsGone }) => addressIsGone)) this.plan('address', addressDelay(random()))
    else this.plan('token', rotationDelay(deadlineIn, settings.spread, random()))
  }

  cancel(): void {
    this.#run?.ended.abort()
    this.#plan = undefined
    this.#run = undefined
    this.#failures = 0
  }

  /** Begins what is due, and continues what runs. To be called whenever either may have become possible. */
  proceed(): void {
    if (this.#plan !== undefined && this.delay <= 0) this.#begin(this.#plan.reason)
    const run = this.#run
    if (run === undefined) return
    while (this.#run === run && this.#mayOpen(run)) void this.#openOne(run)
    if (this.#run === run && run.opened >= run.wanted) this.#finish(run)
  }

  /** Whether to close an outdated connection that was given back, because its replacement is open. */
  takes({ id }: PoolEntry<C>): boolean {
    if (this.#run === undefined || this.#run.owed === 0 || id > this.#run.last) return false
    this.#run.owed--
    return true
  }

  #mayOpen(run: Run): boolean {
    const underWay = run.begun - run.opened
    // After a failure, try one login first.
    const atOnce = this.#failures > 0 && run.opened === 0 ? 1 : this.#pool.settings.loginsAtOnce
    return run.begun < run.wanted && underWay < atOnce && this.#mayOpenOne()
  }

  #begin(reason: RotationReason): void {
    this.#plan = undefined
    const { outdated, replacementsNeeded: wanted } = this.#connections
    if (outdated.length === 0) return
    this.#run = {
      reason,
      age: new Stopwatch(this.#pool.clock),
      last: this.#connections.opened,
      wanted,
      begun: 0,
      opened: 0,
      owed: 0,
      ended: new AbortController(),
    }
    // Each of its logins listens to it.
    setMaxListeners(0, this.#run.ended.signal)
    this.#pool.emit({ type: 'rotation.started', at: this.#pool.clock.now(), reason, connections: wanted })
  }

  async #openOne(run: Run): Promise<void> {
    run.begun++
    try {
      await this.#open(run.ended.signal)
      if (this.#run !== run) return
      run.opened++
      if (!this.#connections.closeOutdated(run.last)) run.owed++
    } catch (error) {
      if (this.#run === run) this.#fail(run, error)
    }
    this.#onLoginEnded()
  }

  #finish({ reason, age, last, opened }: Run): void {
    this.#run = undefined
    this.#failures = 0
    this.#finished++
    this.#connections.retireOutdated(last)
    const at = this.#pool.clock.now()
    this.#pool.emit({ type: 'rotation.finished', at, reason, durationMs: age.elapsed, connections: opened })
  }

  #fail({ reason }: Run, cause: unknown): void {
    this.#run = undefined
    const retryInMs = rotationRetryDelay(++this.#failures, this.#pool.random(), this.#connections.deadlineIn)
    this.plan(reason, retryInMs)
    const error = cause instanceof Error ? cause : new EntraError('CONNECT_FAILED', reasonOf(cause), { cause })
    this.#pool.emit({ type: 'rotation.failed', at: this.#pool.clock.now(), reason, error, retryInMs })
  }
}
