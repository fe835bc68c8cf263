import type { CloseReason } from '../events.ts'
import type { Clock } from '../time/clock.ts'
import type { RefreshTiming } from '../token/refresh-policy.ts'
import type { TokenSource } from '../token/token-source.ts'
import type { PoolConnection } from './connection.ts'
import type { PoolEntry } from './entry.ts'
import { RecentPeak } from './recent-peak.ts'
import { deadlineIn, dueFor, replacementsFor } from './schedule.ts'
import type { PoolSettings } from './settings.ts'

/** The connections that a pool has open: which one to lend next, which are outdated, which are due to be closed. */
export class Connections<C extends PoolConnection> {
  readonly #source: TokenSource
  readonly #settings: PoolSettings
  readonly #onEnded: (entry: PoolEntry<C>) => void
  readonly #busiest: RecentPeak
  readonly #entries = new Map<C, PoolEntry<C>>()
  /** The one that was used last is at the end. */
  #idle: PoolEntry<C>[] = []
  #lent = 0

  /** @param onEnded - called when a connection has ended, whoever ended it */
  constructor(source: TokenSource, settings: PoolSettings, clock: Clock, onEnded: (entry: PoolEntry<C>) => void) {
    this.#source = source
    this.#settings = settings
    this.#onEnded = onEnded
    this.#busiest = new RecentPeak(clock)
  }

  get size(): number {
    return this.#entries.size
  }

  /** How many work runs on. */
  get lent(): number {
    return this.#lent
  }

  get all(): PoolEntry<C>[] {
    return [...this.#entries.values()]
  }

  get(connection: C): PoolEntry<C> | undefined {
    return this.#entries.get(connection)
  }

  /** Counts one that was opened; it is not idle yet. */
  add(entry: PoolEntry<C>): void {
    this.#entries.set(entry.connection, entry)
    entry.connection.onEnd(() => this.#ended(entry))
  }

  /** Takes the connection to lend next: the one used last, of the current token where there is one. */
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
    entry.lend()
    this.#busiest.note(++this.#lent)
    return entry.connection
  }

  /** Work has ended on it; it is not idle yet. */
  giveBack(entry: PoolEntry<C>, suspicion: number, answered: boolean): void {
    this.#lent--
    entry.giveBack(suspicion, answered)
  }

  /** May be lent from now on. */
  rest(entry: PoolEntry<C>): void {
    entry.state = 'idle'
    this.#idle.push(entry)
  }

  close(entry: PoolEntry<C>, reason: CloseReason): void {
    this.#leave(entry)
    entry.reason ??= reason
    entry.connection.close(reason)
  }

  /** Whether its token is good for new work. */
  isFresh({ connection }: PoolEntry<C>): boolean {
    return deadlineIn(connection.lease, this.#timing) > 0
  }

  /** Whether it has a replacement to come: there is a newer token, or it is over its age. */
  isOutdated(entry: PoolEntry<C>): boolean {
    const { current } = this.#source
    const { lease } = entry.connection
    // The same token may come again as another lease, where the clock was set: it is not rotated onto itself.
    const isOlder = current !== undefined && lease !== current && lease.token !== current.token
    return isOlder || entry.ageLeft <= 0
  }

  /** Whether a connection is open that may be lent, once it is given back or has answered. */
  get canServe(): boolean {
    return this.all.some((entry) => entry.state !== 'closing' && this.isFresh(entry))
  }

  /** Those that a rotation replaces. */
  get outdated(): PoolEntry<C>[] {
    return this.all.filter((entry) => entry.state !== 'closing' && !entry.retired && this.isOutdated(entry))
  }

  /** How many of the outdated get a replacement. */
  get replacementsNeeded(): number {
    const outdated = this.outdated.length
    const upToDate = this.all.filter((entry) => entry.state !== 'closing' && !this.isOutdated(entry)).length
    return replacementsFor({ outdated, upToDate, busiest: this.#busiest.of(this.#lent), min: this.#settings.min })
  }

  /** Closes an outdated connection that nothing runs on. @returns whether there was one */
  closeOutdated(): boolean {
    const entry = this.#idle.find((idle) => this.isOutdated(idle))
    if (entry !== undefined) this.close(entry, 'replaced')
    return entry !== undefined
  }

  /** All that are outdated have their replacement: they are closed as soon as nothing runs on them. */
  retireOutdated(): void {
    while (this.closeOutdated());
    for (const entry of this.outdated) entry.retired = true
  }

  /** Until the first of the outdated takes no new work, in ms. */
  get deadlineIn(): number {
    return Math.min(...this.outdated.map(({ connection }) => deadlineIn(connection.lease, this.#timing)))
  }

  /** Closes what is due to be closed. @returns how long until something may be due again, in ms */
  closeDue(): number {
    let next = Number.POSITIVE_INFINITY
    // Those that are on their way out do not count towards `min`.
    let staying = this.all.filter(({ state, retired }) => state !== 'closing' && !retired).length
    for (const entry of this.all) {
      const due = dueFor(entry, staying > this.#settings.min, this.#settings, this.#timing)
      if (typeof due === 'number') next = Math.min(next, due)
      else {
        if (!entry.retired) staying--
        this.close(entry, due)
      }
    }
    return next
  }

  get #timing(): RefreshTiming {
    return this.#source.timing
  }

  #leave(entry: PoolEntry<C>): void {
    if (entry.state === 'lent') this.#lent--
    if (entry.state === 'idle') this.#idle = this.#idle.filter((other) => other !== entry)
    entry.state = 'closing'
  }

  #ended(entry: PoolEntry<C>): void {
    this.#leave(entry)
    this.#entries.delete(entry.connection)
    this.#onEnded(entry)
  }
}
