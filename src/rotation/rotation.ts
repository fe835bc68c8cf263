import { setMaxListeners } from 'node:events'
import { Alarm } from '../alarm.ts'
import { type Clock, type Random, Stopwatch } from '../clock.ts'
import { failureOf } from '../connect/failure.ts'
import { openWithRetries } from '../connect/open-with-retries.ts'
import { sleep } from '../connect/sleep.ts'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import type { RotationEvent, RotationReason, TokenEvent } from '../events.ts'
import type { Lease } from '../token/lease.ts'
import { hardDeadline, isFresh, retryDelay } from '../token/refresh-policy.ts'
import type { TokenSource } from '../token/token-source.ts'
import { Entrance } from './entrance.ts'
import { Generation, type GenerationObserver } from './generation.ts'
import type { GenerationPool, OpenPool } from './pool.ts'
import { CROWDED_POLL, Room } from './room.ts'
import { RotationPlan } from './rotation-plan.ts'
import { maxAgeDelay, type RotationTiming, rotationDelay } from './rotation-policy.ts'
import { ServerLimit } from './server-limit.ts'

/** What a {@link Rotation} is made of. */
export interface RotationParts {
  tokenSource: TokenSource
  open: OpenPool
  /** Loads what `open` needs; called as a token is asked for, so that both are there at once. */
  load?: () => void
  timing: RotationTiming
  clock: Clock
  random: Random
  /** Called with each event of rotation. */
  emit: (event: RotationEvent) => void
}

/** How often work is run again at once that found its connection gone each time. */
const MOST_RERUNS = 3

/** The life of the connections: which generation takes new work, when the next one is opened, when the old one ends. */
export class Rotation {
  readonly #source: TokenSource
  readonly #open: OpenPool
  readonly #load: () => void
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
  readonly #serverLimit: ServerLimit
  readonly #entrance: Entrance
  readonly #plan: RotationPlan
  readonly #alarm: Alarm
  #opened = 0
  #rotations = 0
  #failures = 0
  /** Why the next generation could not be opened when that was last tried. */
  #lastFailure: unknown
  #turning: Promise<void> | undefined
  /** Why the current generation takes no new work though its token is fresh. */
  #discarded: 'refused' | 'unavailable' | undefined
  #waiting = 0
  #unsubscribe: (() => void) | undefined
  #stopping: Promise<void> | undefined
  readonly #stopped = new AbortController()

  constructor(parts: RotationParts) {
    this.#source = parts.tokenSource
    this.#open = parts.open
    this.#load = parts.load ?? (() => {})
    this.#timing = parts.timing
    this.#clock = parts.clock
    this.#random = parts.random
    this.#emit = parts.emit
    this.#room = new Room(this.#living, this.#timing.waitTimeout, this.#clock)
    this.#serverLimit = new ServerLimit(this.#timing, this.#clock, this.#random)
    this.#entrance = new Entrance({
      room: this.#room,
      serverLimit: this.#serverLimit,
      timing: this.#timing,
      refreshTiming: this.#source.timing,
      clock: this.#clock,
      fresh: () => this.#fresh(),
      renew: () => this.#renew(),
      onJoined: () => this.#step(),
    })
    this.#plan = new RotationPlan(this.#clock)
    this.#alarm = new Alarm(this.#clock, () => this.#step())
    // Any number of queries may wait at a time; Node would warn of a leak from the eleventh on.
    setMaxListeners(0, this.#stopped.signal)
    this.#observer = {
      onIdle: (generation) => generation.close(this.#stopping === undefined ? 'drained' : 'disconnected'),
      onLeft: () => this.#entrance.serve(),
      onClosed: (generation, reason) => {
        this.#living.delete(generation)
        this.#entrance.serve()
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

  /** Queries and transactions that wait for a connection. */
  get waiting(): number {
    return this.#entrance.waiting
  }

  /** Rotations finished so far. */
  get rotations(): number {
    return this.#rotations
  }

  /** Begins to follow the tokens. */
  begin(): void {
    this.#unsubscribe = this.#source.subscribe((event) => this.#onToken(event))
  }

  /**
   * Sees to it that there is a connection for the work that comes next. Work that comes meanwhile does not begin
   * anything anew.
   *
   * @throws as `enter` does, and what the login threw
   */
  async warmUp(): Promise<void> {
    const generation = await this.enter()
    const prepared = generation.pool.prepare()
    generation.leave()
    try {
      await prepared
    } catch (error) {
      this.#refuseIfStopping()
      throw error
    }
  }

  /**
   * Begins, and opens the first generation.
   *
   * @throws what the credential or the login threw
   */
  async start(): Promise<void> {
    this.begin()
    try {
      await this.#turn('token')
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /**
   * Counts work into a generation whose token is good; the caller calls its `leave()`. Waits only where all its
   * connections are at work, or its token is at its end and no later one is there yet.
   *
   * @param again - whether it was counted in before, and goes to the head of who waits
   * @throws {@link EntraError} `TOKEN_UNAVAILABLE`, `CONNECT_TIMEOUT`, `CLOSED`, or what opening the generation threw
   */
  enter(again = false): Generation | Promise<Generation> {
    if (this.#alarm.due) this.#step()
    return this.#entrance.enter(again)
  }

  /**
   * Decides on work that failed on a generation without having run: whether it may be run again, after what it needs
   * for that has been set going.
   *
   * @param attempt - how often this work has failed, 1 for the first time
   * @param wait - since when it has been tried
   */
  async mayRunAgain(generation: Generation, error: unknown, attempt: number, wait: Stopwatch): Promise<boolean> {
    const failure = failureOf(error, true)
    if (failure === undefined || failure === 'lost' || this.#stopping !== undefined) return false
    if (failure === 'token') {
      if (attempt > 1) return false
      this.#discard(generation, 'refused')
      return true
    }
    // Else its generation ended under it, or takes no new work any more.
    const goesOn = generation === this.#current && this.#fresh() !== undefined
    const { pool } = generation
    const isFull = goesOn && failure === 'unavailable' && pool.connectionCount() > 0 && pool.lendable() > 0
    if (isFull) this.#noteLimit(generation, error)
    if (wait.elapsed >= this.#timing.connectRetryTimeout) return false
    if (goesOn && failure === 'not-sent') return attempt <= MOST_RERUNS
    if (isFull) await sleep(this.#clock, CROWDED_POLL, this.#stopped.signal)
    else if (goesOn) this.#discard(generation, 'unavailable')
    return true
  }

  #noteLimit(generation: Generation, error: unknown): void {
    const retry = this.#serverLimit.refused(generation, error)
    if (retry) this.#emit({ type: 'connect.retry', at: this.#clock.now(), error: error as Error, ...retry })
  }

  /** Says that the server refused a generation's token to work that is not run again: it is replaced at once. */
  refused(generation: Generation): void {
    this.#discard(generation, 'refused')
    if (generation !== this.#current) return
    this.#plan.hasten('refused')
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

  #fresh(): Generation | undefined {
    const current = this.#current
    if (current === undefined || this.#discarded !== undefined) return undefined
    // One that was cut at its end stays closed, even if the clock is set back.
    if (!this.#living.has(current)) return undefined
    return isFresh(current.lease, current.lease.now(), this.#source.timing) ? current : undefined
  }

  /** A turn for work that waits for one. */
  async #renew(): Promise<void> {
    const { waitTimeout, connectRetryTimeout } = this.#timing
    const limit = Math.max(waitTimeout, connectRetryTimeout)
    const wait = new Stopwatch(this.#clock)
    this.#waiting++
    try {
      for (let isFirst = true; ; isFirst = false) {
        const joins = this.#turning !== undefined
        try {
          const turn = this.#turnOnDemand()
          return await (isFirst ? turn : this.#orGiveUp(turn, wait.left(limit)))
        } catch (error) {
          this.#refuseIfStopping()
          // A turn that had begun before was not for this work: it may have ended early, or slept with the machine.
          if (!joins || wait.left(limit) <= 0) throw error
          if (error instanceof EntraError && error.code === 'TOKEN_UNAVAILABLE') {
            const timeout = wait.left(waitTimeout)
            await this.#source.get({ timeout, signal: this.#stopped.signal }).catch(() => {
              this.#refuseIfStopping()
              throw error
            })
          }
          if (this.#fresh() !== undefined) return
        }
      }
    } finally {
      this.#waiting--
    }
  }

  /** Waits for a turn no longer than `delay` ms. @throws what the turn throws, or what stands in its way */
  #orGiveUp(turn: Promise<void>, delay: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(delay, () => reject(this.#lastFailure))
      turn.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  /** Not right after one that failed. */
  async #turnOnDemand(): Promise<void> {
    if (this.#turning === undefined && this.#plan.leftOnDemand > 0) {
      await sleep(this.#clock, this.#plan.leftOnDemand, this.#stopped.signal)
      // Others waited too, and the first of them has opened what this one needs.
      if (this.#fresh() !== undefined) return
    }
    await this.#turn(this.#discarded ?? 'deadline')
  }

  #refuseIfStopping(): void {
    if (this.#stopping !== undefined) throw disconnectedError()
  }

  #onToken(event: TokenEvent): void {
    if (event.type !== 'token.acquired' || this.#current === undefined) return
    const { lease } = this.#current
    const timeAtHand = hardDeadline(lease, this.#source.timing) - lease.now()
    this.#plan.add(rotationDelay(timeAtHand, this.#timing.spread, this.#random()), 'token')
    this.#step()
  }

  /** Does what is due by the clock, and sets the alarm for what is due next. */
  #step(): void {
    if (this.#stopping !== undefined) return
    let next = Number.POSITIVE_INFINITY
    for (const generation of this.#living) {
      const { timeLeft } = generation
      if (timeLeft <= 0) generation.cut('expired')
      else next = Math.min(next, timeLeft)
    }
    const { left, reason } = this.#plan
    if (this.#turning === undefined && reason !== undefined) {
      // A failed rotation has told so by its event, and is planned again.
      if (left <= 0) this.#turn(reason).catch(() => {})
      else next = Math.min(next, left)
    }
    this.#entrance.serve()
    this.#alarm.set(Math.min(next, this.#entrance.lookAgainIn))
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
    this.#plan.clear()
    if (from !== undefined) this.#emit({ type: 'rotation.started', at: startedAt, from: from.id, reason })
    try {
      const { lease, opened: pool } = await openWithRetries({
        source: this.#source,
        load: this.#load,
        open: (lease, signal) => this.#room.open(this.#current?.pool.max, () => this.#open(lease, signal), signal),
        timing: this.#timing,
        clock: this.#clock,
        random: this.#random,
        signal: this.#stopped.signal,
        emit: (event) => {
          this.#lastFailure = event.error
          this.#emit(event)
        },
        tokenRefused: reason === 'refused',
        databaseWasOpened: this.#opened > 0,
        patient: () => from === undefined || this.#waiting > 0,
      })
      await this.#warm(pool, from)
      this.#swap(lease, pool)
      // Work is about to come. A login that fails is for that work to meet.
      if (from === undefined) pool.prepare().catch(() => {})
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
    const cut = () => pool.terminate()
    this.#stopped.signal.addEventListener('abort', cut, { once: true })
    try {
      if (from !== undefined && this.#fresh() === from) {
        const count = this.#room.reserve(pool, from.busiest(this.#clock.now()))
        await pool.warmUp(count, this.#timing.loginsAtOnce)
      }
      this.#refuseIfStopping()
    } catch (error) {
      pool.terminate()
      await pool.dispose()
      throw error
    } finally {
      this.#stopped.signal.removeEventListener('abort', cut)
    }
  }

  #swap(lease: Lease, pool: GenerationPool): void {
    const now = this.#clock.now()
    const next = new Generation({
      id: ++this.#opened,
      lease,
      pool,
      openedAt: now,
      observer: this.#observer,
      outlivesToken: this.#timing.sessionsOutliveTokens,
    })
    this.#living.add(next)
    this.#current = next
    this.#discarded = undefined
    this.#failures = 0
    this.#plan.clear()
    const { maxAge } = this.#timing
    if (maxAge !== undefined) this.#plan.add(maxAgeDelay(maxAge, this.#random()), 'max-age')
    if (this.#source.current !== undefined && this.#source.current !== lease) this.#plan.add(0, 'token')
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
    this.#lastFailure = cause
    const now = this.#clock.now()
    const timeLeft = hardDeadline(from.lease, this.#source.timing) - from.lease.now()
    const retryInMs = retryDelay(++this.#failures, this.#random(), 0, timeLeft)
    this.#plan.retry(retryInMs, reason)
    // What connections the old one still has are better than none. Further logins would be refused as that one was.
    if (from.pool.connectionCount() > 0) {
      this.#discarded = undefined
      if (reason === 'refused') this.#serverLimit.refused(from, cause)
    }
    const error = cause instanceof Error ? cause : new EntraError('CONNECT_FAILED', reasonOf(cause), { cause })
    this.#emit({ type: 'rotation.failed', at: now, from: from.id, reason, error, retryInMs })
  }

  async #stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#alarm.cancel()
    this.#plan.clear()
    this.#stopped.abort(disconnectedError())
    this.#entrance.close(disconnectedError())
    await this.#turning?.catch(() => {})
    await Promise.all([...this.#living].map((generation) => this.#finish(generation)))
  }

  /** Lets a generation's work end within the disconnect timeout and its token's life, and cuts what is left. */
  #finish(generation: Generation): Promise<void> {
    const delay = Math.min(this.#timing.disconnectTimeout, generation.timeLeft)
    const timer = this.#clock.setTimer(delay, () => generation.cut('disconnected'))
    generation.retire()
    return generation.closed.finally(() => timer.cancel())
  }
}

function disconnectedError(): EntraError {
  return new EntraError('CLOSED', 'The client was disconnected. Call $connect() to use it again.')
}
