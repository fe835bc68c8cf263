import { setMaxListeners } from 'node:events'
import type { EntraError } from '../errors/entra-error.ts'
import type { CloseReason, PoolEvent } from '../events.ts'
import { Alarm } from '../time/alarm.ts'
import type { Clock, Random, Stopwatch } from '../time/clock.ts'
import type { Lease } from '../token/lease.ts'
import type { TokenSource } from '../token/token-source.ts'
import type { OpenConnection, PoolConnection } from './connection.ts'
import { Connections } from './connections.ts'
import { PoolEntry } from './entry.ts'
import { Logins } from './logins.ts'
import { disconnected } from './pool-errors.ts'
import { type PoolStats, poolStats } from './pool-stats.ts'
import { Queue } from './queue.ts'
import { Rotation } from './rotation.ts'
import { maxAgeOf, timeLeft } from './schedule.ts'
import type { PoolSettings } from './settings.ts'
import { Validations } from './validations.ts'
import { type WaitLimit, waitLimit } from './wait-limit.ts'

/**
 * The connections of one client: lends each to one piece of work at a time, opens what is needed with the current
 * lease, and replaces it before that ends. Without open connections it asks for no token and logs in for nobody.
 */
export class Pool<C extends PoolConnection> {
  readonly #source: TokenSource
  readonly #settings: PoolSettings
  readonly #clock: Clock
  readonly #random: Random
  readonly #emit: (event: PoolEvent) => void

  readonly #connections: Connections<C>
  readonly #queue: Queue<C>
  readonly #logins: Logins<C>
  readonly #validations: Validations<C>
  readonly #rotation: Rotation
  readonly #alarm: Alarm
  #opened = 0
  #unsubscribe: (() => void) | undefined
  readonly #stopped = new AbortController()
  #connecting: Promise<void> | undefined
  #closed = false
  #drained: Promise<void> | undefined
  /** Called, while it is closed, when a connection or a login has ended. */
  #onChange: (() => void) | undefined

  constructor(
    source: TokenSource,
    open: OpenConnection<C>,
    settings: PoolSettings,
    clock: Clock,
    random: Random,
    emit: (event: PoolEvent) => void,
  ) {
    const { max, loginsAtOnce, poolTimeout, waitTimeout } = settings
    this.#source = source
    this.#settings = settings
    this.#clock = clock
    this.#random = random
    this.#emit = emit
    this.#connections = new Connections(source, settings, clock, (entry) => this.#ended(entry))
    this.#queue = new Queue(
      clock,
      Math.min(poolTimeout, waitTimeout),
      () => this.#waitLimit(),
      () => this.#logins.nobodyWaits(),
    )
    this.#logins = new Logins(source, open, settings, clock, random)
    this.#validations = new Validations(settings, clock, () => this.#serve())
    const { signal } = this.#stopped
    const login = {
      mayBegin: () => this.#size < max + loginsAtOnce,
      open: (wanted: AbortSignal) => this.#logins.count(async () => this.#add(await this.#logins.open(wanted, signal))),
      ended: () => this.#step(),
    }
    this.#rotation = new Rotation(this.#connections, login, settings, clock, random, emit)
    this.#alarm = new Alarm(clock, () => this.#step())
    // Any number of logins may be under way; Node would warn of a leak from the eleventh on.
    setMaxListeners(0, signal)
  }

  stats(): PoolStats {
    return poolStats(this.#connections, this.#logins, this.#queue, this.#rotation)
  }

  /**
   * A connection for one piece of work, which gives it back by `release`: at once where one is idle, else as soon as
   * one is given back or opened.
   *
   * @param since - when the work began, if it had a connection before and did not run: then it waits at the head of the
   * queue, and no longer than if it had waited since
   * @throws {@link EntraError} `CONNECT_TIMEOUT`, `TOKEN_UNAVAILABLE`, `CLOSED`, or why no connection could be opened
   */
  acquire(since?: Stopwatch): C | Promise<C> {
    if (this.#closed) return Promise.reject(disconnected())
    // A process that slept may get here before its timers.
    if (this.#alarm.due) this.#step()
    if (this.#queue.length === 0) {
      const entry = this.#connections.takeIdle()
      if (entry !== undefined && !this.#validations.isNeeded(entry)) return this.#connections.lend(entry)
      if (entry !== undefined) this.#connections.rest(entry)
    }
    const connection = this.#queue.join(since)
    this.#serve()
    return connection
  }

  /**
   * Takes a connection back from the work that it was lent to.
   *
   * @param answered - whether the server answered it just now
   */
  release(connection: C, answered = true): void {
    const entry = this.#connections.get(connection)
    if (entry?.state !== 'lent') return
    this.#connections.giveBack(entry, this.#validations.suspicion, answered)
    const reason = this.#reasonToClose(entry)
    if (reason !== undefined) this.#connections.close(entry, reason)
    else this.#rest(entry)
    if (this.#queue.length > 0) this.#serve()
  }

  /** After this a piece of work is not run again, in ms since it began. */
  get workTimeout(): number {
    return this.#settings.connectRetryTimeout
  }

  /** Whether a statement may be sent on a lent connection: not at the end of its token. */
  maySend({ lease }: C): boolean {
    return this.#settings.sessionsOutliveTokens || lease.maySend
  }

  /** Says that a session is moving, or was lost: what is idle is validated before it is lent. */
  suspect(): void {
    this.#validations.suspect()
  }

  /** Says that the server ended a session for its token: where another token can be had, it is rotated to at once. */
  refused(lease: Lease, error: EntraError): void {
    this.#validations.suspect()
    const hasten = (next: Lease | undefined) => {
      if (next === undefined || this.#connections.outdated.length === 0) return
      this.#rotation.plan('refused', 0)
      this.#step()
    }
    this.#source.refused(lease, error, { signal: this.#stopped.signal }).then(hasten, () => {})
  }

  /**
   * Sees to it that a connection is open. Work that comes meanwhile waits for the same login.
   *
   * @throws as `acquire` does
   */
  connect(): Promise<void> {
    this.#connecting ??= this.#connectOnce().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  /** The same, and that it is alive: for a process that wakes from a freeze. */
  warmUp(): Promise<void> {
    this.#validations.suspect()
    return this.connect()
  }

  async #connectOnce(): Promise<void> {
    this.release(await this.acquire())
  }

  /**
   * Ends it: whoever waits is told `CLOSED`; what runs may go on for the disconnect timeout, and is cut then. Resolves
   * when the last connection has ended.
   */
  close(): Promise<void> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  async #drain(): Promise<void> {
    this.#closed = true
    this.#alarm.cancel()
    this.#unsubscribe?.()
    this.#rotation.cancel()
    this.#queue.reject(disconnected())
    this.#logins.nobodyWaits()
    this.#stopped.abort(disconnected())
    for (const entry of this.#connections.all) {
      if (entry.state !== 'lent') this.#connections.close(entry, 'disconnected')
    }
    const lives = this.#connections.all.map((entry) => timeLeft(entry, this.#settings))
    const timer = this.#clock.setTimer(Math.min(this.#settings.disconnectTimeout, ...lives), () => {
      for (const entry of this.#connections.all) this.#connections.close(entry, 'disconnected')
    })
    while (this.#size > 0) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve
      })
    }
    timer.cancel()
  }

  /** Connections open and being opened. */
  get #size(): number {
    return this.#connections.size + this.#logins.underWay
  }

  /**
   * A connection that has just been opened, or has just answered, serves the first in the queue: it is not asked again,
   * however short `validateAfter` is.
   */
  #offer(entry: PoolEntry<C>): void {
    const mayServe = entry.connection.isUsable && this.#connections.isFresh(entry) && !this.#validations.suspects(entry)
    if (this.#queue.length > 0 && mayServe) this.#queue.serve(this.#connections.lend(entry))
    else this.#rest(entry)
  }

  /** Has a connection wait for work, until it has been idle for too long. */
  #rest(entry: PoolEntry<C>): void {
    this.#connections.rest(entry)
    const { maxIdleConnectionLifetime } = this.#settings
    if (maxIdleConnectionLifetime < this.#alarm.left) this.#alarm.set(maxIdleConnectionLifetime)
  }

  #reasonToClose(entry: PoolEntry<C>): CloseReason | undefined {
    if (this.#closed) return 'disconnected'
    if (!entry.connection.isUsable) return 'unusable'
    if (!this.#connections.isFresh(entry)) return entry.retired ? 'replaced' : 'expired'
    if (!this.#connections.isOutdated(entry)) return undefined
    // What is old serves work that waits, rather than have it wait for a login.
    if (this.#queue.length > 0 && this.#connections.size <= this.#settings.max) return undefined
    return entry.retired || this.#rotation.takes() ? 'replaced' : undefined
  }

  /** Gives what is idle to whoever waits, and opens what is missing. */
  #serve(): void {
    while (this.#queue.length > 0) {
      const entry = this.#connections.takeIdle()
      if (entry === undefined) break
      if (!this.#validations.isNeeded(entry)) this.#queue.serve(this.#connections.lend(entry))
      else if (this.#validations.coming < this.#queue.length) void this.#validate(entry)
      else {
        this.#connections.rest(entry)
        break
      }
    }
    while (this.#needsLogin()) void this.#open()
    const { delay } = this.#logins
    if (this.#queue.length > 0 && delay > 0 && delay < this.#alarm.left) this.#alarm.set(delay)
  }

  #needsLogin(): boolean {
    const { length } = this.#queue
    // `connect` gives its connection back at once: whoever waits beside it needs no other.
    const wanted = this.#connecting === undefined ? length : Math.min(length, Math.max(length - 1, 1))
    if (this.#closed || wanted <= this.#validations.coming + this.#logins.underWay) return false
    return this.#size < this.#settings.max && this.#logins.delay <= 0
  }

  async #validate(entry: PoolEntry<C>): Promise<void> {
    entry.state = 'validating'
    const isAlive = await this.#validations.run(entry)
    // It may have ended before its answer was missed: whoever waited for it is served by another.
    const hasEnded = entry.state !== 'validating'
    if (isAlive && !hasEnded) this.#offer(entry)
    else if (!hasEnded) {
      this.#validations.suspect()
      this.#connections.close(entry, 'unusable')
    }
    this.#serve()
  }

  async #open(): Promise<void> {
    // From the login on, and not from the first connection: a token request ends with the last who may need it.
    this.#unsubscribe ??= this.#source.subscribe(({ type }) => {
      if (type === 'token.acquired') this.#step()
    })
    await this.#logins.count(async () => {
      try {
        this.#add(await this.#logins.openForWork(this.#stopped.signal))
      } catch (error) {
        this.#loginFailed(error)
      }
    })
    this.#step()
  }

  #add(connection: C): void {
    const { maxAge } = this.#settings
    const { suspicion } = this.#validations
    const entry = new PoolEntry(connection, ++this.#opened, maxAgeOf(maxAge, this.#random()), suspicion, this.#clock)
    const { id } = entry
    const { expiresOn } = connection.lease
    this.#emit({ type: 'connection.opened', at: this.#clock.now(), connection: id, expiresOn })
    this.#connections.add(entry)
    if (this.#closed) this.#connections.close(entry, 'disconnected')
    else this.#offer(entry)
    this.#serve()
  }

  #loginFailed(error: unknown): void {
    if (this.#closed || this.#logins.wasGivenUp(error)) return
    const served = this.#connections.canServe
    const mayPass = served || this.#logins.mayPass(error)
    const { connectRetryTimeout } = this.#settings
    if (!served) this.#queue.reject(error, mayPass ? connectRetryTimeout : 0)
    const timeLeft = this.#queue.length === 0 ? undefined : connectRetryTimeout - this.#queue.longestWait
    const retry = this.#logins.failed(error, { served, timeLeft })
    if (retry === undefined || this.#queue.length === 0) return
    this.#emit({ type: 'connect.retry', at: this.#clock.now(), error: error as Error, ...retry })
  }

  #ended({ id, reason = 'lost', age: ageMs }: PoolEntry<C>): void {
    if (reason === 'lost') this.#validations.suspect()
    this.#emit({ type: 'connection.closed', at: this.#clock.now(), connection: id, reason, ageMs })
    this.#step()
  }

  /** Does what is due by the clock, and sets the alarm for what is due next. */
  #step(): void {
    if (this.#closed) {
      this.#onChange?.()
      return
    }
    const next = this.#connections.closeDue()
    this.#rotation.planWhatIsDue()
    if (this.#connections.size === 0) this.#rotation.cancel()
    if (this.#size === 0) {
      this.#unsubscribe?.()
      this.#unsubscribe = undefined
    }
    this.#rotation.proceed()
    this.#alarm.set(Math.min(next, this.#rotation.delay))
    this.#serve()
  }

  #waitLimit(): WaitLimit {
    const wait = {
      served: this.#connections.canServe,
      tokenWait: this.#logins.tokenWait,
      loginError: this.#logins.error,
      noToken: (waited: number) => this.#source.unavailable(waited),
    }
    return waitLimit(wait, this.#settings)
  }
}
