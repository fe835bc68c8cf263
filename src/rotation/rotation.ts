import type { Clock, Random, Timer } from '../clock.ts'
import { EntraError, reasonOf } from '../errors.ts'
import type { RotationEvent, RotationReason, TokenEvent } from '../events.ts'
import type { Lease } from '../token/lease.ts'
import { dueAt, hardDeadline, isFresh, MAX_TIMER, retryDelay } from '../token/refresh-policy.ts'
import type { TokenSource } from '../token/token-source.ts'
import { Generation, type GenerationObserver } from './generation.ts'
import type { GenerationPool, OpenPool } from './pool.ts'
import { maxAgeDelay, type RotationTiming, rotationDelay } from './rotation-policy.ts'

/** What a {@link Rotation} is made of. */
export interface RotationParts {
  tokenSource: TokenSource
  open: OpenPool
  timing: RotationTiming
  clock: Clock
  random: Random
  /** Called with each event of rotation. */
  emit: (event: RotationEvent) => void
}

/** A rotation that is set for a time. */
interface Plan {
  since: number
  delay: number
  reason: RotationReason
}

/** The life of the connections: which generation takes new work, when the next one is opened, when the old one ends. */
export class Rotation {
  readonly #source: TokenSource
  readonly #open: OpenPool
  readonly #timing: RotationTiming
  readonly #clock: Clock
  readonly #random: Random
  readonly #emit: (event: RotationEvent) => void
  readonly #observer: GenerationObserver

  /** Takes new work while its token is fresh. Stays here when it has expired, until the next one takes over. */
  #current: Generation | undefined
  /** Every generation that still has connections, oldest first; the current one among them. */
  readonly #living = new Set<Generation>()
  #opened = 0
  #rotations = 0
  #failures = 0
  #plan: Plan | undefined
  #turning: Promise<void> | undefined
  #timer: Timer | undefined
  #nextStepAt = Number.POSITIVE_INFINITY
  #unsubscribe: (() => void) | undefined
  #stopping: Promise<void> | undefined
  readonly #stopped = new AbortController()

  constructor(parts: RotationParts) {
    this.#source = parts.tokenSource
    this.#open = parts.open
    this.#timing = parts.timing
    this.#clock = parts.clock
    this.#random = parts.random
    this.#emit = parts.emit
    this.#observer = {
      onIdle: (generation) => generation.close(this.#stopping === undefined ? 'drained' : 'disconnected'),
      onClosed: (generation, reason) => {
        this.#living.delete(generation)
        const at = this.#clock.now()
        const ageMs = at - generation.openedAt
        this.#emit({ type: 'generation.closed', at, generation: generation.id, reason, ageMs })
      },
    }
  }

  /** The generation that takes new work. */
  get current(): Generation | undefined {
    return this.#current
  }

  /** Generations that take no new work and still have connections, oldest first. */
  get draining(): Generation[] {
    return [...this.#living].filter((generation) => generation !== this.#current)
  }

  /** Rotations finished so far. */
  get rotations(): number {
    return this.#rotations
  }

  /**
   * Opens the first generation.
   *
   * @throws what the credential or the login threw
   */
  async start(): Promise<void> {
    this.#unsubscribe = this.#source.subscribe((event) => this.#onToken(event))
    try {
      await this.#turn('token')
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /**
   * Counts work into a generation whose token is good; the caller calls its `leave()`. Waits only where the current
   * token is at its end and no later one is there yet.
   *
   * @throws {@link EntraError} `TOKEN_UNAVAILABLE`, `CONNECT_TIMEOUT`, `CLOSED`, or what opening the generation threw
   */
  enter(): Generation | Promise<Generation> {
    const now = this.#clock.now()
    if (now >= this.#nextStepAt) this.#step()
    const current = this.#fresh(now)
    if (current === undefined || this.#stopping !== undefined) return this.#enterNext()
    current.enter(now)
    return current
  }

  /** Ends it all: what runs may go on for the disconnect timeout, then every connection is closed. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  #fresh(now: number): Generation | undefined {
    const current = this.#current
    return current !== undefined && isFresh(current.lease, now, this.#source.timing) ? current : undefined
  }

  async #enterNext(): Promise<Generation> {
    const until = this.#clock.now() + this.#timing.waitTimeout
    for (;;) {
      this.#refuseIfStopping()
      const now = this.#clock.now()
      const current = this.#fresh(now)
      if (current !== undefined) {
        current.enter(now)
        return current
      }
      if (now >= until) throw this.#timeoutError()
      await this.#within(this.#turn('deadline'), until - now)
    }
  }

  /** Waits for a turn, but no longer than `delay` ms. */
  #within(turn: Promise<void>, delay: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(delay, () => reject(this.#timeoutError()))
      turn.finally(() => timer.cancel()).then(resolve, reject)
    })
  }

  #timeoutError(): EntraError {
    return new EntraError(
      'CONNECT_TIMEOUT',
      `No connection with a valid token could be had within ${this.#timing.waitTimeout} ms. ` +
        'The events token.refresh-failed and rotation.failed say why.',
    )
  }

  #refuseIfStopping(): void {
    if (this.#stopping !== undefined) throw disconnectedError()
  }

  #onToken(event: TokenEvent): void {
    if (event.type !== 'token.acquired' || this.#current === undefined) return
    const timeAtHand = hardDeadline(this.#current.lease, this.#source.timing) - event.at
    this.#set({
      since: event.at,
      delay: rotationDelay(timeAtHand, this.#timing.spread, this.#random()),
      reason: 'token',
    })
    this.#step()
  }

  /** Sets a rotation, unless one is set for an earlier time. */
  #set(plan: Plan): void {
    const set = this.#plan
    if (set === undefined || plan.since + plan.delay < set.since + set.delay) this.#plan = plan
  }

  /** Does what is due by the clock, and sets the timer for what is due next. */
  #step(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#nextStepAt = Number.POSITIVE_INFINITY
    if (this.#stopping !== undefined) return
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const generation of this.#living) {
      if (generation.lease.expiresOn <= now) generation.cut('expired')
      else next = Math.min(next, generation.lease.expiresOn)
    }
    if (this.#plan !== undefined && this.#turning === undefined) {
      const due = dueAt(this.#plan.since, this.#plan.delay, now)
      // A failed rotation has told so by its event, and is planned again.
      if (due <= now) this.#turn(this.#plan.reason).catch(() => {})
      else next = Math.min(next, due)
    }
    if (next === Number.POSITIVE_INFINITY) return
    this.#nextStepAt = next
    this.#timer = this.#clock.setTimer(Math.min(next - now, MAX_TIMER), () => this.#step())
  }

  /** Opens the next generation and swaps; one at a time, whoever asks. */
  #turn(reason: RotationReason): Promise<void> {
    this.#turning ??= this.#turnOnce(reason).finally(() => {
      this.#turning = undefined
      this.#step()
    })
    return this.#turning
  }

  async #turnOnce(reason: RotationReason): Promise<void> {
    const from = this.#current
    const startedAt = this.#clock.now()
    this.#plan = undefined
    if (from !== undefined) this.#emit({ type: 'rotation.started', at: startedAt, from: from.id, reason })
    try {
      const signal = this.#stopped.signal
      const lease = await this.#source.get({ timeout: this.#timing.waitTimeout, signal })
      const pool = await this.#open(lease, signal)
      await this.#warm(pool, from)
      this.#swap(lease, pool)
      if (from !== undefined) this.#retire(from, pool, reason, startedAt)
    } catch (cause) {
      this.#refuseIfStopping()
      if (from !== undefined) this.#planAgain(from, reason, cause)
      throw cause
    }
  }

  /** Opens as many connections as the old generation was busy, unless somebody is waiting for the new one. */
  async #warm(pool: GenerationPool, from: Generation | undefined): Promise<void> {
    try {
      const now = this.#clock.now()
      if (from !== undefined && this.#fresh(now) === from) {
        await pool.warmUp(from.busiest(now), this.#timing.loginsAtOnce)
      }
      this.#refuseIfStopping()
    } catch (error) {
      pool.terminate()
      await pool.dispose()
      throw error
    }
  }

  #swap(lease: Lease, pool: GenerationPool): void {
    const now = this.#clock.now()
    const next = new Generation(++this.#opened, lease, pool, now, this.#observer)
    this.#living.add(next)
    this.#current = next
    this.#failures = 0
    this.#plan = undefined
    const { maxAge } = this.#timing
    if (maxAge !== undefined) this.#set({ since: now, delay: maxAgeDelay(maxAge, this.#random()), reason: 'max-age' })
    if (this.#source.current !== undefined && this.#source.current !== lease) {
      this.#set({ since: now, delay: 0, reason: 'token' })
    }
    this.#emit({ type: 'generation.opened', at: now, generation: next.id, expiresOn: lease.expiresOn })
  }

  #retire(from: Generation, pool: GenerationPool, reason: RotationReason, startedAt: number): void {
    this.#rotations++
    const at = this.#clock.now()
    this.#emit({
      type: 'rotation.finished',
      at,
      from: from.id,
      to: this.#opened,
      reason,
      durationMs: at - startedAt,
      connections: pool.connectionCount(),
    })
    from.retire()
  }

  #planAgain(from: Generation, reason: RotationReason, cause: unknown): void {
    const now = this.#clock.now()
    const timeLeft = hardDeadline(from.lease, this.#source.timing) - now
    const retryInMs = retryDelay(++this.#failures, this.#random(), undefined, timeLeft)
    this.#set({ since: now, delay: retryInMs, reason })
    const error = cause instanceof Error ? cause : new EntraError('CONNECT_FAILED', reasonOf(cause), { cause })
    this.#emit({ type: 'rotation.failed', at: now, from: from.id, reason, error, retryInMs })
  }

  async #stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#timer?.cancel()
    this.#plan = undefined
    this.#stopped.abort(disconnectedError())
    await this.#turning?.catch(() => {})
    await Promise.all([...this.#living].map((generation) => this.#finish(generation)))
  }

  /** Lets a generation's work end within the disconnect timeout, and cuts what is left. */
  #finish(generation: Generation): Promise<void> {
    const timer = this.#clock.setTimer(this.#timing.disconnectTimeout, () => generation.cut('disconnected'))
    generation.retire()
    return generation.closed.finally(() => timer.cancel())
  }
}

function disconnectedError(): EntraError {
  return new EntraError('CLOSED', 'The client was disconnected. Call $connect() to use it again.')
}
