import { type Clock, Stopwatch } from '../time/clock.ts'
import type { Lease } from './lease.ts'
import { isFresh, type RefreshTiming } from './refresh-policy.ts'
import { replaceAgainAfter } from './refusal-policy.ts'

/** The leases that a source knows: the current one, and those that a server refused. */
export class HeldLeases {
  /** The last one that was had, whatever its age; undefined before the first. */
  current: Lease | undefined
  /** Whether the next one is wanted in place of one that a server refused. */
  replacing = false
  /** By their token: each is replaced once, and is no new one when the credential gives it again. */
  readonly #refused = new Map<string, Lease>()
  readonly #clock: Clock
  readonly #timing: RefreshTiming
  #sinceReplacing: Stopwatch | undefined

  constructor(clock: Clock, timing: RefreshTiming) {
    this.#clock = clock
    this.#timing = timing
  }

  /** The current one where new work may begin with it. */
  get fresh(): Lease | undefined {
    return this.current !== undefined && this.#isFresh(this.current) ? this.current : undefined
  }

  /**
   * Wants another one in place of a lease whose token a server found at fault.
   *
   * @returns whether it is wanted now
   */
  replace(lease: Lease): boolean {
    const since = this.#sinceReplacing
    const due = since === undefined || since.left(replaceAgainAfter(lease.expiresOn - lease.acquiredAt)) <= 0
    if (due && !this.#refused.has(lease.token)) {
      this.#refused.set(lease.token, lease)
      this.#sinceReplacing = new Stopwatch(this.#clock)
      this.replacing = true
    }
    return this.replacing
  }

  /** Holds what the credential gave. @returns the lease that it is, where that one is known and as good */
  take(lease: Lease): Lease | undefined {
    const { current } = this
    const known = current?.token === lease.token ? current : this.#refused.get(lease.token)
    // Where the known one has ended and the credential stands by the same token, its word counts: the clock was set.
    if (known !== undefined && (this.#isFresh(known) || !this.#isFresh(lease))) {
      if (this.fresh === undefined) this.current = known
      return known
    }
    for (const [token, refused] of this.#refused) if (refused.timeLeft <= 0) this.#refused.delete(token)
    this.current = lease
    return undefined
  }

  #isFresh(lease: Lease): boolean {
    return isFresh(lease, lease.now(), this.#timing)
  }
}
