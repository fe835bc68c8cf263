import type { CloseReason } from '../events.ts'
import { type Clock, Stopwatch, type Timer } from '../time/clock.ts'
import { type PoolConnection, type PoolContext, PoolEntry } from './connection.ts'
import { dueFor, maxAgeOf, replacementsFor, timeLeft } from './schedule.ts'

/** The open connections of a pool: which one to lend next, which are outdated, which are due to be closed. */
export class Connections<C extends PoolConnection> {
  readonly #pool: PoolContext
  readonly #onEnded: () => void
  readonly #busiest: RecentPeak
  readonly #entries = new Map<C, PoolEntry<C>>()
  /** The one used last is at the end. */
  #idle: PoolEntry<C>[] = []
  #lent = 0
  #opened = 0

  /** @param onEnded - called when either end has ended a connection */
  constructor(pool: PoolContext, onEnded: () => void) {
    this.#pool = pool
    this.#onEnded = onEnded
    this.#busiest = new RecentPeak(pool.clock)
  }

  /** How many were ever opened: the number of the last one. */
  get opened(): number {
    return this.#opened
  }

  get size(): number {
    return this.#entries.size
  }

  get lent(): number {
    return this.#lent
  }

  get all(): PoolEntry<C>[] {
    return [...this.#entries.values()]
  }

  get(connection: C): PoolEntry<C> | undefined {
    return this.#entries.get(connection)
  }

  /** Adds one that was just opened. It is not idle yet. */
  add(connection: C): PoolEntry<C> {
    const { settings, clock, random, emit } = this.#pool
    const id = ++this.#opened
    const entry = new PoolEntry(connection, id, maxAgeOf(settings.maxAge, random()), clock)
    emit({ type: 'connection.opened', at: clock.now(), connection: id, expiresOn: connection.lease.expiresOn })
    this.#entries.set(connection, entry)
    connection.onEnd(() => this.#ended(entry))
    return entry
  }

  /** Something happened to one connection: all are validated before they are lent. */
  suspect(): void {
    for (const entry of this.#entries.values()) entry.isSuspect = true
  }

  /** Takes the connection to lend next: the one used last, preferably one with the current token. */
  takeIdle(): PoolEntry<C> | undefined {
    let found: PoolEntry<C> | undefined
    for (let at = this.#idle.length - 1; at >= 0; at--) {
      const entry = this.#idle[at]
      if (entry === undefined) continue
      if (!entry.connection.isUsable) this.close(entry, 'unusable')
      if (entry.state === 'closing' || !this.isFresh(entry)) continue
      found ??= entry
      if (this.isOutdated(entry)) continue
      found = entry
      break
    }
    if (found !== undefined) this.#idle.splice(this.#idle.lastIndexOf(found), 1)
    return found
  }

  lend(entry: PoolEntry<C>): C {
    entry.state = 'lent'
    this.#busiest.note(++this.#lent)
    return entry.connection
  }

  /** Takes it back from work. It may not be lent yet. @param answered - whether the server answered just now */
  giveBack(entry: PoolEntry<C>, answered: boolean): void {
    this.#lent--
    entry.state = 'idle'
    if (!answered) return
    entry.answered()
    entry.isSuspect = false
  }

  /** Makes it idle: it may be lent from now on. */
  rest(entry: PoolEntry<C>): void {
    if (entry.isEvicted) {
      this.close(entry, 'unusable')
      return
    }
    entry.state = 'idle'
    this.#idle.push(entry)
  }

  close(entry: PoolEntry<C>, reason: CloseReason): void {
    this.#leave(entry)
    entry.connection.close(reason)
  }

  /** Whether new work may begin with its token. */
  isFresh({ connection, isEvicted }: PoolEntry<C>): boolean {
    return !isEvicted && connection.lease.isFresh
  }

  /** Whether it should be replaced: there is a newer token, or it has reached its maximum age, or its address is gone. */
  isOutdated(entry: PoolEntry<C>): boolean {
    const { current } = this.#pool.source
    const { lease } = entry.connection
    // If the clock was set, the same token may come again as another lease. It needs no rotation.
    const isOlder = current !== undefined && lease !== current && lease.token !== current.token
    return isOlder || entry.addressIsGone || entry.ageLeft <= 0
  }

  /** Whether an open connection may be lent as soon as it is given back or has answered. */
  get canServe(): boolean {
    return this.all.some((entry) => entry.state !== 'closing' && this.isFresh(entry))
  }

  /** Those that a rotation replaces. */
  get outdated(): PoolEntry<C>[] {
    return this.all.filter((entry) => entry.state !== 'closing' && !entry.retired && this.isOutdated(entry))
  }

  /** How many of the outdated connections get a replacement. */
  get replacementsNeeded(): number {
    const outdated = this.outdated.length
    const upToDate = this.all.filter((entry) => entry.state !== 'closing' && !this.isOutdated(entry)).length
    return replacementsFor(outdated, upToDate, this.#busiest.of(this.#lent), this.#pool.settings.min)
  }

  /** Closes one idle outdated connection up to this number. @returns whether there was one */
  closeOutdated(last: number): boolean {
    const entry = this.#idle.find((idle) => idle.id <= last && this.isOutdated(idle))
    if (entry !== undefined) this.close(entry, 'replaced')
    return entry !== undefined
  }

  /** Closes the outdated connections up to this number, each as soon as nothing runs on it: all replacements are open. */
  retireOutdated(last: number): void {
    while (this.closeOutdated(last));
    for (const entry of this.outdated) if (entry.id <= last) entry.retired = true
  }

  /** The addresses that connections are open to. */
  get addresses(): string[] {
    return this.all.flatMap(({ connection: { address } }) => address ?? [])
  }

  /** Has the connections to an address replaced. */
  markGone(address: string): void {
    for (const entry of this.all) if (entry.connection.address === address) entry.addressIsGone = true
  }

  /**
   * Closes a connection, those opened before it, and those to the same address, each as soon as nothing runs on it. No work
   * begins on them.
   */
  evictAlike(connection: C): void {
    const last = this.#entries.get(connection)?.id ?? 0
    const { address } = connection
    this.#evict((entry) => entry.id <= last || (address !== undefined && entry.connection.address === address))
  }

  /** The same for those opened before a connection, and those to another address. */
  evictOthers(connection: C): void {
    const first = this.#entries.get(connection)?.id ?? 0
    const { address } = connection
    this.#evict((entry) => entry.id < first || entry.connection.address !== address)
  }

  /** Until new work may no longer begin on the first of the outdated connections, in ms. */
  get deadlineIn(): number {
    return Math.min(...this.outdated.map(({ connection }) => connection.lease.deadlineIn))
  }

  /** Closes what is due. @returns how long until something may be due again, in ms */
  closeDue(): number {
    const { settings } = this.#pool
    let next = Number.POSITIVE_INFINITY
    // Retired connections do not count towards `min`.
    let staying = this.all.filter(({ state, retired }) => state !== 'closing' && !retired).length
    for (const entry of this.all) {
      const due = dueFor(entry, staying > settings.min, settings)
      if (typeof due === 'number') next = Math.min(next, due)
      else {
        if (!entry.retired) staying--
        this.close(entry, due)
      }
    }
    return next
  }

  /**
   * Closes all for good: those that are lent after `disconnectTimeout`, or at the end of their token if that is sooner.
   *
   * @returns the timer for them
   */
  disconnect(): Timer {
    const { settings, clock } = this.#pool
    for (const entry of this.all) if (entry.state !== 'lent') this.close(entry, 'disconnected')
    const lives = this.all.map((entry) => timeLeft(entry, settings))
    return clock.setTimer(Math.min(settings.disconnectTimeout, ...lives), () => {
      for (const entry of this.all) this.close(entry, 'disconnected')
    })
  }

  #evict(isWrong: (entry: PoolEntry<C>) => boolean): void {
    for (const entry of this.all) {
      if (entry.state === 'closing' || !isWrong(entry)) continue
      entry.isEvicted = true
      if (entry.state === 'idle') this.close(entry, 'unusable')
    }
  }

  #leave(entry: PoolEntry<C>): void {
    if (entry.state === 'lent') this.#lent--
    if (entry.state === 'idle') this.#idle = this.#idle.filter((other) => other !== entry)
    entry.state = 'closing'
  }

  #ended(entry: PoolEntry<C>): void {
    this.#leave(entry)
    const { id, age: ageMs, connection } = entry
    this.#entries.delete(connection)
    const reason = connection.closedBy ?? 'lost'
    if (reason === 'lost') this.suspect()
    this.#pool.emit({ type: 'connection.closed', at: this.#pool.clock.now(), connection: id, reason, ageMs })
    this.#onEnded()
  }
}

/** How far back {@link RecentPeak} looks, in ms: between one and two of these. */
const PEAK_WINDOW = 30_000

/** The highest recent value of a count: how many connections were lent at the same time. */
class RecentPeak {
  readonly #clock: Clock
  #window: Stopwatch
  #peak = 0
  #before = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#window = new Stopwatch(clock)
  }

  /** To be called when the count has risen. */
  note(count: number): void {
    this.#slide(count)
    if (count > this.#peak) this.#peak = count
  }

  /** @param count - its value now */
  of(count: number): number {
    this.#slide(count)
    return Math.max(this.#peak, this.#before, count)
  }

  #slide(count: number): void {
    const age = this.#window.elapsed
    if (age < PEAK_WINDOW) return
    this.#before = age < 2 * PEAK_WINDOW ? this.#peak : count
    this.#peak = count
    this.#window = new Stopwatch(this.#clock)
  }
}
