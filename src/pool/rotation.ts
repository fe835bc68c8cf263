import { setMaxListeners } from 'node:events'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import type { RotationEvent, RotationReason } from '../events.ts'
import { type Clock, type Random, Stopwatch } from '../time/clock.ts'
import { retryDelay } from '../token/refresh-policy.ts'
import type { PoolConnection } from './connection.ts'
import type { Connections } from './connections.ts'
import { rotationDelay } from './schedule.ts'
import type { PoolSettings } from './settings.ts'

/** How a rotation opens a replacement. */
export interface ReplacementLogin {
  /** Whether there may be one more connection. */
  mayBegin(): boolean
  /** @param wanted - aborted when there is nothing left to replace: then no token is waited for */
  open(wanted: AbortSignal): Promise<void>
  /** Called when one has succeeded or failed. */
  ended(): void
}

type Replaceable = Pick<
  Connections<PoolConnection>,
  'outdated' | 'replacementsNeeded' | 'closeOutdated' | 'retireOutdated' | 'deadlineIn'
>

interface Plan {
  reason: RotationReason
  age: Stopwatch
  /** In ms. */
  delay: number
}

interface Run {
  reason: RotationReason
  age: Stopwatch
  /** Replacements to open. */
  wanted: number
  begun: number
  opened: number
  /** Replacements that are open, and whose old connection has not been given back yet. */
  owed: number
  /** Aborted when nothing is left to replace. */
  ended: AbortController
}

/**
 * Replaces the connections of an older lease, or over their age, one by one: a replacement is logged in before a
 * connection is given up.
 */
export class Rotation {
  readonly #connections: Replaceable
  readonly #login: ReplacementLogin
  readonly #settings: Pick<PoolSettings, 'loginsAtOnce' | 'spread'>
  readonly #clock: Clock
  readonly #random: Random
  readonly #emit: (event: RotationEvent) => void
  #plan: Plan | undefined
  #run: Run | undefined
  #failures = 0
  #finished = 0

  constructor(
    connections: Replaceable,
    login: ReplacementLogin,
    settings: Pick<PoolSettings, 'loginsAtOnce' | 'spread'>,
    clock: Clock,
    random: Random,
    emit: (event: RotationEvent) => void,
  ) {
    this.#connections = connections
    this.#login = login
    this.#settings = settings
    this.#clock = clock
    this.#random = random
    this.#emit = emit
  }

  /** Rotations finished so far. */
  get finished(): number {
    return this.#finished
  }

  /** Whether one runs or is planned. */
  get pending(): boolean {
    return this.#plan !== undefined || this.#run !== undefined
  }

  /** How long until the next one begins, in ms; `Infinity` where none is planned, or one runs. */
  get delay(): number {
    return this.#plan === undefined ? Number.POSITIVE_INFINITY : this.#plan.age.left(this.#plan.delay)
  }

  /** Plans a rotation, unless one runs, is planned for an earlier time, or is to be tried again after a failure. */
  plan(reason: RotationReason, delay: number): void {
    if (this.#plan !== undefined && this.#failures > 0) return
    if (this.#run === undefined && delay < this.delay) this.#plan = { reason, delay, age: new Stopwatch(this.#clock) }
  }

  /** Plans a rotation where connections are outdated and none is planned. */
  planWhatIsDue(): void {
    const { outdated, deadlineIn } = this.#connections
    if (outdated.length === 0) return
    if (outdated.some(({ ageLeft }) => ageLeft <= 0)) this.plan('max-age', 0)
    else if (!this.pending) this.plan('token', rotationDelay(deadlineIn, this.#settings.spread, this.#random()))
  }

  /** Nothing is left to rotate. */
  cancel(): void {
    this.#run?.ended.abort()
    this.#plan = undefined
    this.#run = undefined
    this.#failures = 0
  }

  /** Begins what is due, and goes on with what runs as far as there is room: to be called when that may have changed. */
  proceed(): void {
    if (this.#plan !== undefined && this.delay <= 0) this.#begin(this.#plan.reason)
    const run = this.#run
    if (run === undefined) return
    while (this.#run === run && this.#mayOpen(run)) void this.#openOne(run)
    if (this.#run === run && run.opened >= run.wanted) this.#finish(run)
  }

  /** Whether an outdated connection that was given back is to be closed: where its replacement is open. */
  takes(): boolean {
    if (this.#run === undefined || this.#run.owed === 0) return false
    this.#run.owed--
    return true
  }

  #mayOpen(run: Run): boolean {
    const underWay = run.begun - run.opened
    // After a failure one tries for all.
    const atOnce = this.#failures > 0 && run.opened === 0 ? 1 : this.#settings.loginsAtOnce
    return run.begun < run.wanted && underWay < atOnce && this.#login.mayBegin()
  }

  #begin(reason: RotationReason): void {
    this.#plan = undefined
    const { outdated, replacementsNeeded: wanted } = this.#connections
    if (outdated.length === 0) return
    this.#run = {
      reason,
      age: new Stopwatch(this.#clock),
      wanted,
      begun: 0,
      opened: 0,
      owed: 0,
      ended: new AbortController(),
    }
    // Each of its logins listens.
    setMaxListeners(0, this.#run.ended.signal)
    this.#emit({ type: 'rotation.started', at: this.#clock.now(), reason, connections: wanted })
  }

  async #openOne(run: Run): Promise<void> {
    run.begun++
    try {
      await this.#login.open(run.ended.signal)
      if (this.#run !== run) return
      run.opened++
      if (!this.#connections.closeOutdated()) run.owed++
    } catch (error) {
      if (this.#run === run) this.#fail(run, error)
    }
    this.#login.ended()
  }

  #finish({ reason, age, opened }: Run): void {
    this.#run = undefined
    this.#failures = 0
    this.#finished++
    this.#connections.retireOutdated()
    const durationMs = age.elapsed
    this.#emit({ type: 'rotation.finished', at: this.#clock.now(), reason, durationMs, connections: opened })
  }

  #fail({ reason }: Run, cause: unknown): void {
    this.#run = undefined
    const retryInMs = retryDelay(++this.#failures, this.#random(), 0, this.#connections.deadlineIn)
    this.plan(reason, retryInMs)
    const error = cause instanceof Error ? cause : new EntraError('CONNECT_FAILED', reasonOf(cause), { cause })
    this.#emit({ type: 'rotation.failed', at: this.#clock.now(), reason, error, retryInMs })
  }
}
