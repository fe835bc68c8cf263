import type { AccessToken } from '@azure/identity'
import { type Claims, dateOf } from '../credentials/claims.ts'
import { EntraError } from '../errors/entra-error.ts'
import { type Clock, Stopwatch } from '../time/clock.ts'
import { deadlineOf, defaultRefreshAfter, type RefreshTiming, SEND_MARGIN, spreadRefresh } from './refresh-policy.ts'

/** One token with its times, all in ms since the epoch. Neither `util.inspect` nor `JSON.stringify` shows the token. */
export class Lease {
  readonly #token: string
  /** When the token expires. */
  readonly expiresOn: number
  /** When the next token should be asked for. */
  readonly refreshAfter: number
  /** From when on no new work begins with the token. */
  readonly deadline: number
  /** When the credential gave this token for the first time. */
  readonly acquiredAt: number
  readonly #age: Stopwatch

  /** Made at the moment when the credential gave the token. */
  constructor(token: string, times: Pick<Lease, 'expiresOn' | 'refreshAfter' | 'deadline'>, clock: Clock) {
    this.#token = token
    this.expiresOn = times.expiresOn
    this.refreshAfter = times.refreshAfter
    this.deadline = times.deadline
    this.acquiredAt = clock.now()
    this.#age = new Stopwatch(clock)
  }

  /**
   * What to compare its times with, in ms since the epoch. This is the wall clock, except that a token goes on aging
   * when that clock is set back.
   */
  now(): number {
    return this.acquiredAt + this.#age.elapsed
  }

  /** Until `expiresOn`, in ms; 0 or less when the token has expired. */
  get timeLeft(): number {
    return this.expiresOn - this.now()
  }

  /** Until the deadline, in ms; 0 or less after it. */
  get deadlineIn(): number {
    return this.deadline - this.now()
  }

  /** Whether new work may begin with the token. */
  get isFresh(): boolean {
    return this.deadlineIn > 0
  }

  /** Whether a statement that is sent now reaches the server before `expiresOn`. */
  get maySend(): boolean {
    return this.timeLeft > SEND_MARGIN
  }

  get token(): string {
    return this.#token
  }

  /** What `util.inspect` shows: it would call the getter when told to show hidden properties. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    return { ...this }
  }
}

/** A time before 1973 is one in s, or a duration. A time after 5138 is one in µs. */
const LEAST_MS = 1e11
const MOST_MS = 1e14

function invalid(returned: string): EntraError {
  return new EntraError('TOKEN_INVALID', `The credential returned ${returned}`)
}

/**
 * Makes a lease from a credential's answer.
 *
 * @param answer - what `getToken` gave
 * @param random - from 0 to 1: how late in the time for it the next token is asked for
 * @throws {@link EntraError} `TOKEN_INVALID` without a token or an expiry in ms, `TOKEN_EXPIRED` if it is past
 */
export function leaseOf(
  answer: AccessToken | null | undefined,
  clock: Clock,
  timing: RefreshTiming,
  random = 0,
): Lease {
  if (answer === null || answer === undefined) {
    throw invalid('no token (null). It cannot get one for this scope here; pass a credential that can.')
  }
  const { token, expiresOnTimestamp: expiresOn, refreshAfterTimestamp } = answer
  if (typeof token !== 'string' || token === '') throw invalid('an empty token. Check its getToken().')
  if (typeof expiresOn !== 'number' || !Number.isFinite(expiresOn)) {
    throw invalid('a token without an expiry. Its getToken() must return expiresOnTimestamp, in ms since the epoch.')
  }
  if (expiresOn < LEAST_MS || expiresOn > MOST_MS) {
    throw invalid(
      `a token with an expiry in the wrong unit: expiresOnTimestamp must be in ms since the epoch, not ${expiresOn}.` +
        (expiresOn < LEAST_MS
          ? ' An exp or expires_on in s must be multiplied by 1000; expires_in counts from now.'
          : ''),
    )
  }
  const now = clock.now()
  if (expiresOn <= now) {
    throw new EntraError(
      'TOKEN_EXPIRED',
      `The credential returned a token that expired ${Math.ceil((now - expiresOn) / 1000)} s ago. ` +
        'If the credential caches tokens, its cache is stale; otherwise check the clock of this machine.',
    )
  }
  const latest = defaultRefreshAfter(now, expiresOn, timing)
  // If the clock is ahead, each new token may seem due already. Wait for part of its time nevertheless.
  const earliest = now + (latest - now) / 4
  const due =
    typeof refreshAfterTimestamp === 'number' && Number.isFinite(refreshAfterTimestamp)
      ? Math.min(Math.max(refreshAfterTimestamp, earliest), latest)
      : latest
  const deadline = deadlineOf(now, expiresOn, timing)
  const refreshAfter = spreadRefresh(due, deadline, timing, random)
  return new Lease(token, { expiresOn, refreshAfter, deadline }, clock)
}

/** A smaller skew does not count, in ms: requests take time, and claims are whole seconds. */
export const SKEW_TOLERANCE = 60_000

/** Entra ID dates its tokens back by so much, in ms. */
const DATED_BACK = 300_000

/**
 * How far the local clock is ahead of the authority's, in ms; negative if it is behind, undefined if a new token shows
 * no skew.
 *
 * Most credentials reckon the expiry from the local clock (`expires_in`), while the token's own `exp` is the
 * authority's: the difference is the skew, if the token's beginning agrees. If it does not, the expiry may be wrong
 * instead, and nothing is said. If the credential passes the authority's time on, a token that is not valid yet (`nbf`)
 * shows a clock that is behind by at least that much.
 *
 * @param expiresOn - what the credential said, in ms since the epoch
 * @param now - the local clock, in ms since the epoch
 */
export function clockSkew(claims: Claims, expiresOn: number, now: number): number | undefined {
  const validFrom = dateOf(claims, 'nbf') ?? dateOf(claims, 'iat')
  const skew = expiryGap(claims, expiresOn)
  if (skew !== undefined) {
    const age = validFrom === undefined ? 0 : now - skew - validFrom
    if (age >= -SKEW_TOLERANCE && age <= DATED_BACK + SKEW_TOLERANCE) return skew
  }
  return validFrom !== undefined && validFrom - now > SKEW_TOLERANCE ? now - validFrom : undefined
}

/** How much later than the token itself the credential says that it expires, in ms; undefined if they agree. */
export function expiryGap(claims: Claims, expiresOn: number): number | undefined {
  const exp = dateOf(claims, 'exp')
  return exp !== undefined && Math.abs(expiresOn - exp) > SKEW_TOLERANCE ? expiresOn - exp : undefined
}
