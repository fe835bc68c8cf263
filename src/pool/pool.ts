import { setMaxListeners } from 'node:events'
import type { EntraError } from '../errors/entra-error.ts'
import type { CloseReason } from '../events.ts'
import { Alarm } from '../time/alarm.ts'
import { type Stopwatch, sleep } from '../time/clock.ts'
import type { Lease } from '../token/lease.ts'
import { AddressWatch } from './address-watch.ts'
import type { OpenConnection, PoolConnection, PoolContext, PoolEntry } from './connection.ts'
import { Connections } from './connections.ts'
import { Logins } from './logins.ts'
import { disconnected, Queue, waitLimit } from './queue.ts'
import { Rotation } from './rotation.ts'
import type { PoolStats } from './stats.ts'
import { Validations } from './validations.ts'
import { WriteGate } from './write-gate.ts'

/**
 * The connections of one client: lends each to one piece of work at a time, opens what is needed with the current lease,
 * and replaces it before the lease ends. With no open connection and no work it requests no tokens.
 */
export class Pool<C extends PoolConnection> {
  readonly context: PoolContext
  readonly writes: WriteGate<C>
  readonly #connections: Connections<C>
  readonly #queue: Queue<C>
  readonly #logins: Logins<C>
  readonly #validations: Validations<C>
  readonly #rotation: Rotation<C>
  readonly #addresses: AddressWatch<C> | undefined
  readonly #alarm: Alarm
  readonly #stopped = new AbortController()
  #connecting: Promise<void> | undefined
  #closed = false
  #drained: Promise<void> | undefined
  /** After `close`: called when the last connection or login has ended. */
  #onDrained: (() => void) | undefined

  constructor(open: OpenConnection<C>, context: PoolContext) {
    const { settings, clock, lookup } = context
    const { signal } = this.#stopped
    const step = () => this.#step()
    this.context = context
    this.#connections = new Connections(context, step)
    this.#logins = new Logins(context, open, step)
    this.#queue = new Queue(
      clock,
      Math.min(settings.poolTimeout, settings.waitTimeout),
      () => waitLimit(this.#connections.canServe, this.#logins, context),
      () => {
        this.#logins.abandon()
        this.#restLogins()
      },
    )
    this.#validations = new Validations(context, this.#connections, () => this.#serve())
    this.#rotation = new Rotation(
      context,
      this.#connections,
      () => this.#size < settings.max + settings.loginsAtOnce,
      (wanted) => this.#logins.count(async () => this.#add(await this.#logins.open(wanted, signal, true))),
      step,
    )
    this.writes = new WriteGate(context, this.#connections, this.#logins, () => this.#openAside(), step)
    this.#addresses = lookup && new AddressWatch(clock, lookup, this.#connections, step)
    this.#alarm = new Alarm(clock, step)
    // Any number of logins may listen; Node would warn of a leak from the eleventh on.
    setMaxListeners(0, signal)
  }

  stats(): PoolStats {
    const { all, size, lent } = this.#connections
    return {
      rotations: this.#rotation.finished,
      connectionsOpen: size,
      connecting: this.#logins.underWay,
      inFlight: lent,
      waiting: this.#queue.length + this.writes.waiting,
      tokenExpiresOn: size === 0 ? undefined : Math.min(...all.map(({ connection }) => connection.lease.expiresOn)),
    }
  }

  /**
   * A connection for one piece of work, which gives it back by `release`: at once if one is idle, otherwise as soon as
   * one is given back or opened.
   *
   * @param since - when the work began, if it is run again: then it waits at the head of the queue
   * @throws {@link EntraError} `CONNECT_TIMEOUT`, `TOKEN_UNAVAILABLE`, `CLOSED`, or why no connection could be opened
   */
  acquire(since?: Stopwatch): C | Promise<C> {
    if (this.#closed) return Promise.reject(disconnected())
    // A process that slept may get here before its timers run.
    if (this.#alarm.due) this.#step()
    this.#addresses?.look()
    if (this.#queue.length === 0) {
      const entry = this.#connections.takeIdle()
      if (entry !== undefined && !this.#validations.isNeeded(entry)) return this.#connections.lend(entry)
      if (entry !== undefined) this.#connections.rest(entry)
    }
    const connection = this.#queue.join(since)
    this.#serve()
    this.context.onWait()
    return connection
  }

  /** Takes a connection back. @param answered - whether the server answered just now */
  release(connection: C, answered = true): void {
    const entry = this.#connections.get(connection)
    if (entry?.state !== 'lent') return
    this.#connections.giveBack(entry, answered)
    const reason = this.#reasonToClose(entry)
    if (reason !== undefined) this.#connections.close(entry, reason)
    else this.#rest(entry)
    if (this.#queue.length > 0) this.#serve()
  }

  /** What work waits for, how long at most, and why; undefined if none waits, or only for an open connection. */
  get awaited(): string | undefined {
    if (this.#queue.length === 0 || this.#connections.canServe) return this.writes.awaited
    return this.#logins.awaited
  }

  /** Waits this long, in ms, before work runs again. @throws {@link EntraError} `CLOSED` if the pool is closed meanwhile */
  pause(delay: number): Promise<void> {
    return sleep(this.context.clock, delay, this.#stopped.signal)
  }

  /** Whether a statement may be sent on a lent connection: not in the last moment of its token. */
  maySend({ lease }: C): boolean {
    return this.context.settings.sessionsOutliveTokens || lease.maySend
  }

  /** Reports that a session is moving or was lost, or the process froze: all are validated before they are lent. */
  suspect(): void {
    this.#connections.suspect()
  }

  /** Reports that the server ended a session because of its token: rotates at once if another token is available. */
  refused(lease: Lease, error: EntraError): void {
    this.#connections.suspect()
    const rotateNow = (next: Lease | undefined) => {
      if (next === undefined || this.#connections.outdated.length === 0) return
      this.#rotation.plan('refused', 0)
      this.#step()
    }
    this.context.source.refused(lease, error, { signal: this.#stopped.signal }).then(rotateNow, () => {})
  }

  /** Makes sure that a connection is open. Work that comes meanwhile waits for the same login. @throws as `acquire` does */
  connect(): Promise<void> {
    this.#connecting ??= Promise.resolve(this.acquire())
      .then((connection) => this.release(connection))
      .finally(() => {
        this.#connecting = undefined
      })
    return this.#connecting
  }

  /**
   * Closes the pool: waiting work fails with `CLOSED`; running work may go on for `disconnectTimeout`, and is then cut
   * off. Resolves when the last connection has ended.
   */
  close(): Promise<void> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  async #drain(): Promise<void> {
    this.#closed = true
    this.#alarm.cancel()
    this.#logins.rest()
    this.#rotation.cancel()
    this.#queue.reject(disconnected())
    this.#logins.abandon()
    this.#stopped.abort(disconnected())
    this.writes.close(disconnected())
    const timer = this.#connections.disconnect()
    await new Promise<void>((resolve) => {
      this.#onDrained = resolve
      this.#step()
    })
    timer.cancel()
  }

  /** Connections that are open or being opened. */
  get #size(): number {
    return this.#connections.size + this.#logins.underWay
  }

  /** Needs tokens no more, if no connection is open or being opened, and no work will open one. */
  #restLogins(): void {
    if (this.#size === 0 && this.#queue.length === 0 && this.writes.waiting === 0) this.#logins.rest()
  }

  /** Lends a connection that was just opened or validated to the first in the queue, without validating it again. */
  #offer(entry: PoolEntry<C>): void {
    const mayServe = entry.connection.isUsable && this.#connections.isFresh(entry) && !entry.isSuspect
    if (this.#queue.length > 0 && mayServe) this.#queue.serve(this.#connections.lend(entry))
    else this.#rest(entry)
  }

  /** Keeps a connection for later work, until it has been idle for too long. */
  #rest(entry: PoolEntry<C>): void {
    this.#connections.rest(entry)
    this.#alarm.setWithin(this.context.settings.maxIdleConnectionLifetime)
  }

  #reasonToClose(entry: PoolEntry<C>): CloseReason | undefined {
    if (this.#closed) return 'disconnected'
    if (!entry.connection.isUsable || entry.isEvicted) return 'unusable'
    if (!this.#connections.isFresh(entry)) return entry.retired ? 'replaced' : 'expired'
    if (!this.#connections.isOutdated(entry)) return undefined
    // An old connection serves waiting work sooner than a login does.
    if (this.#queue.length > 0 && this.#connections.size <= this.context.settings.max) return undefined
    return entry.retired || this.#rotation.takes(entry) ? 'replaced' : undefined
  }

  /** Lends idle connections to waiting work, and opens what is missing. */
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
    while (this.#needsLogin()) {
      // Read once: a delay that ended between two readings would leave the work without a login and without an alarm.
      const { delay } = this.#logins
      if (delay > 0) {
        this.#alarm.setWithin(delay)
        return
      }
      void this.#open()
    }
  }

  #needsLogin(): boolean {
    const { length } = this.#queue
    // `connect` gives its connection back at once, for other work that waits.
    const wanted = this.#connecting === undefined ? length : Math.min(length, Math.max(length - 1, 1))
    const isMissing = wanted > this.#validations.coming + this.#logins.underWay
    return !this.#closed && isMissing && this.#size < this.context.settings.max
  }

  async #validate(entry: PoolEntry<C>): Promise<void> {
    if (await this.#validations.run(entry)) this.#offer(entry)
    this.#serve()
  }

  async #open(): Promise<void> {
    await this.#logins.count(async () => {
      try {
        this.#add(await this.#logins.openForWork(this.#stopped.signal))
      } catch (error) {
        if (!this.#closed) this.#logins.failed(error, this.#connections.canServe, this.#queue)
      }
    })
    this.#step()
  }

  /** Opens a connection beside those that serve the queue, as a rotation does, and lends it. */
  async #openAside(): Promise<C> {
    const { signal } = this.#stopped
    try {
      return await this.#logins.count(async () => {
        const connection = await this.#logins.open(signal, signal, false)
        this.#add(connection, (entry) => this.#connections.lend(entry))
        return connection
      })
    } finally {
      this.#step()
      // After a disconnect, whatever came of the login.
      signal.throwIfAborted()
    }
  }

  #add(connection: C, use = (entry: PoolEntry<C>): unknown => this.#offer(entry)): void {
    const entry = this.#connections.add(connection)
    if (this.#closed) this.#connections.close(entry, 'disconnected')
    else use(entry)
    this.#serve()
  }

  /** Does what is due by the clock, and sets the alarm for what is due next. */
  #step(): void {
    this.#restLogins()
    if (this.#closed) {
      if (this.#size === 0) this.#onDrained?.()
      return
    }
    const next = this.#connections.closeDue()
    this.#rotation.planWhatIsDue()
    if (this.#connections.size === 0) this.#rotation.cancel()
    this.#rotation.proceed()
    this.#alarm.set(Math.min(next, this.#rotation.delay))
    this.#serve()
  }
}
