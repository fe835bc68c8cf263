import { EntraError, type EntraErrorCode } from '../errors/entra-error.ts'
import { type Clock, Stopwatch } from '../time/clock.ts'
import type { Lease } from './lease.ts'

/** The refusals that name the token as the reason: it has expired, is for another audience, or cannot be verified. */
const TOKEN_AT_FAULT: readonly EntraErrorCode[] = ['TOKEN_REFUSED', 'SESSION_TOKEN_EXPIRED']

/** A token source replaces a refused token no more often than this, in ms. */
const REPLACED_EVERY = 300_000

/**
 * Whether another token may be accepted after this refusal.
 *
 * Azure SQL says when a token has expired ("Token is expired.", as in azuredatastudio #14497 and mssql-jdbc #1944). A
 * bare 18456 means that the database lacks the user, which no token cures. Before its refresh is due, a credential gives
 * the same token again, so a request would only cost everyone who shares the source.
 */
export function anotherTokenMayHelp(refusal: unknown): boolean {
  return refusal instanceof EntraError && TOKEN_AT_FAULT.includes(refusal.code)
}

/**
 * How long after one refused token was replaced the next may be, in ms. If the server refuses every new one, its clock
 * or its settings are wrong, and the other users of the source should not rotate because of that.
 *
 * @param lifetime - of the token that was refused, in ms
 */
export function replaceAgainAfter(lifetime: number): number {
  return Math.min(REPLACED_EVERY, lifetime / 2)
}

/** The leases that a token source knows: the current one, and those that a server refused. */
export class HeldLeases {
  /** The last one acquired, whatever its age; undefined before the first. */
  current: Lease | undefined
  /** Whether another one is wanted because a server refused this one. */
  replacing = false
  /** By token: each is replaced once, and does not count as new when the credential gives it again. */
  readonly #refused = new Map<string, Lease>()
  readonly #clock: Clock
  #sinceReplacing: Stopwatch | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The current one, if new work may begin with it. */
  get fresh(): Lease | undefined {
    return this.current?.isFresh ? this.current : undefined
  }

  /**
   * Asks for another lease in place of one whose token a server found at fault.
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
    // The known one has ended, yet the credential gives the same token again: the clock was set, so believe it.
    if (known !== undefined && (known.isFresh || !lease.isFresh)) {
      if (this.fresh === undefined) this.current = known
      return known
    }
    for (const [token, refused] of this.#refused) if (refused.timeLeft <= 0) this.#refused.delete(token)
    this.current = lease
    return undefined
  }
}
