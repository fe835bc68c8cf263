import { setMaxListeners } from 'node:events'
import { type Clock, dueAt, elapsed, type Random, type Timer } from '../clock.ts'
import { connectRetryDelay } from '../connect/connect-policy.ts'
import { failureOf } from '../connect/failure.ts'
import { openWithRetries } from '../connect/open-with-retries.ts'
import { sleep } from '../connect/sleep.ts'
import { EntraError, reasonOf } from '../errors.ts'
import type { RotationEvent, RotationReason, TokenEvent } from '../events.ts'
import type { Lease } from '../token/lease.ts'
import { hardDeadline, isFresh, MAX_TIMER, retryDelay } from '../token/refresh-policy.ts'
import type { TokenSource } from '../token/token-source.ts'
import { Generation, type GenerationObserver } from './generation.ts'
import type { GenerationPool, OpenPool } from './pool.ts'
import { CROWDED_POLL, crowdedError, Room } from './room.ts'
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
  /** Whether it is the next attempt after one that failed. */
  failed?: boolean
}

/** After a rotation that failed, work that waits has it tried again after this long at the latest, in ms. */
const RETRY_ON_DEMAND = 2_000

/** How often work is run again at once that found its connection gone each time. */
const MOST_RERUNS = 3

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
  readonly #room: Room
  #opened = 0
  #rotations = 0
  #failures = 0
  #plan: Plan | undefined
  #turning: Promise<void> | undefined
  /** Why the current generation takes no new work though its token is fresh. */
  #discarded: 'refused' | 'unavailable' | undefined
  #waiting = 0
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
    this.#room = new Room(this.#living, this.#timing.waitTimeout, this.#clock)
    // Any number of queries may wait at a time; Node would warn of a leak from the eleventh on.
    setMaxListeners(0, this.#stopped.signal)
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
   * @throws {@link EntraError} `TOKEN_UNAVAILABLE`, `CLOSED`, or what opening the generation threw
   */
  enter(): Generation | Promise<Generation> {
    const now = this.#clock.now()
    if (now >= this.#nextStepAt) this.#step()
    const current = this.#fresh(now)
    if (current === undefined || !this.#room.admits(current) || this.#stopping !== undefined) return this.#enterNext()
    current.enter(now)
    return current
  }

  /**
   * Decides on work that failed on a generation without having run: whether it may be run again, after what it needs
   * for that has been set going.
   *
   * @param attempt - how often this work has failed, 1 for the first time
   * @param wait - `since`: when it began, in ms since the epoch
   */
  async mayRunAgain(
    generation: Generation,
    error: unknown,
    attempt: number,
    wait: { since: number },
  ): Promise<boolean> {
    const failure = failureOf(error, true)
    if (failure === undefined || failure === 'lost' || this.#stopping !== undefined) return false
    if (failure === 'token') {
      if (attempt > 1) return false
      this.#discard(generation, 'refused')
      return true
    }
    const now = this.#clock.now()
    const retryInMs = connectRetryDelay(attempt, elapsed(wait, now), this.#random(), this.#timing)
    if (retryInMs === undefined) return false
    // Its generation ended under it, or takes no new work any more: not a thing that goes on without end.
    if (generation !== this.#current || this.#fresh(now) === undefined) return true
    if (failure === 'not-sent') return attempt <= MOST_RERUNS
    if (generation.pool.connectionCount() === 0) {
      this.#discard(generation, 'unavailable')
      return true
    }
    this.#emit({ type: 'connect.retry', at: now, error: error as Error, attempt, retryInMs })
    await sleep(this.#clock, retryInMs, this.#stopped.signal)
    return true
  }

  /** Says that the server refused a generation's token to work that is not run again: it is replaced at once. */
  refused(generation: Generation): void {
    this.#discard(generation, 'refused')
    if (generation !== this.#current) return
    if (!this.#plan?.failed) this.#plan = { since: this.#clock.now(), delay: 0, reason: 'refused' }
    this.#step()
  }

  /** Ends it all: what runs may go on for the disconnect timeout, then every connection is closed. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** Has a generation take no new work from now on; the next work opens another. */
  #discard(generation: Generation, why: 'refused' | 'unavailable'): void {
    if (why === 'refused') this.#source.invalidate(generation.lease)
    if (generation === this.#current) this.#discarded ??= why
  }

  #fresh(now: number): Generation | undefined {
    const current = this.#current
    if (current === undefined || this.#discarded !== undefined) return undefined
    // One that was cut at its end stays closed, even if the clock is set back.
    if (!this.#living.has(current)) return undefined
    return isFresh(current.lease, now, this.#source.timing) ? current : undefined
  }

  /** Waits for a generation that new work may enter. */
  async #enterNext(): Promise<Generation> {
    const { waitTimeout } = this.#timing
    const wait = { since: this.#clock.now() }
    this.#waiting++
    try {
      for (let joined = this.#turning !== undefined; ; joined = this.#turning !== undefined) {
        this.#refuseIfStopping()
        const now = this.#clock.now()
        const current = this.#fresh(now)
        if (current !== undefined && this.#room.admits(current)) {
          current.enter(now)
          return current
        }
        if (current !== undefined) {
          if (elapsed(wait, now) >= waitTimeout) throw crowdedError(waitTimeout)
          await sleep(this.#clock, CROWDED_POLL, this.#stopped.signal)
          continue
        }
        try {
          await this.#turnOnDemand(now)
        } catch (error) {
          // A turn that had begun before for the pool's own sake may have ended early: one more for this work's sake.
          if (!joined || elapsed(wait, this.#clock.now()) >= waitTimeout) throw error
        }
      }
    } finally {
      this.#waiting--
    }
  }

  /** A turn for work that waits; not right after one that failed. */
  async #turnOnDemand(now: number): Promise<void> {
    if (this.#turning === undefined && this.#plan?.failed) {
      const delay = Math.min(this.#plan.delay, RETRY_ON_DEMAND)
      const wait = dueAt(this.#plan, delay, now) - now
      if (wait > 0) await sleep(this.#clock, wait, this.#stopped.signal)
      // Others waited too, and the first of them has opened what this one needs.
      if (this.#fresh(this.#clock.now()) !== undefined) return
    }
    await this.#turn(this.#discarded ?? 'deadline')
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
      const due = dueAt(this.#plan, this.#plan.delay, now)
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
      const { lease, opened: pool } = await openWithRetries({
        source: this.#source,
        open: (lease, signal) => this.#room.open(this.#current?.pool.max, () => this.#open(lease, signal), signal),
        timing: this.#timing,
        clock: this.#clock,
        random: this.#random,
        signal: this.#stopped.signal,
        emit: this.#emit,
        tokenRefused: reason === 'refused',
        databaseWasOpened: this.#opened > 0,
        patient: () => from === undefined || this.#waiting > 0,
      })
      await this.#warm(pool, from)
      this.#swap(lease, pool)
      if (from !== undefined) this.#retire(from, pool, reason, startedAt)
    } catch (cause) {
      this.#refuseIfStopping()
      if (from !== undefined) this.#planAgain(from, reason, cause)
      throw cause
    } finally {
      this.#room.settle()
    }
  }

  /** Opens as many connections as the old generation was busy, unless somebody is waiting for the new one. */
  async #warm(pool: GenerationPool, from: Generation | undefined): Promise<void> {
    try {
      const now = this.#clock.now()
      if (from !== undefined && this.#fresh(now) === from) {
        const count = this.#room.reserve(pool, from.busiest(now))
        await pool.warmUp(count, this.#timing.loginsAtOnce)
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
    this.#discarded = undefined
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
    this.#plan = { since: now, delay: retryInMs, reason, failed: true }
    // What connections the old one still has are better than none.
    this.#discarded = undefined
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

  /** Lets a generation's work end within the disconnect timeout and its token's life, and cuts what is left. */
  #finish(generation: Generation): Promise<void> {
    const delay = Math.min(this.#timing.disconnectTimeout, generation.lease.expiresOn - this.#clock.now())
    const timer = this.#clock.setTimer(delay, () => generation.cut('disconnected'))
    generation.retire()
    return generation.closed.finally(() => timer.cancel())
  }
}

function disconnectedError(): EntraError {
  return new EntraError('CLOSED', 'The client was disconnected. Call $connect() to use it again.')
}
