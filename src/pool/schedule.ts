/** When connections are closed and replaced, and how many: pure functions of values. All durations in ms. */

import type { CloseReason } from '../events.ts'
import type { Lease } from '../token/lease.ts'
import { retryDelay } from '../token/refresh-policy.ts'
import type { PoolSettings } from './settings.ts'

/** The longest wait after a login whose failure is permanent, or that no work waits for, in ms. */
const NEXT_ON_DEMAND = 2_000

/** The longest wait, as a share of the time that work may wait: it sees at least four attempts. */
const MOST_OF_A_WAIT = 0.25

/**
 * How long to wait before a rotation after a new token came.
 *
 * @param timeAtHand - until the deadline of the connections in use
 * @param random - from 0 to 1
 */
export function rotationDelay(timeAtHand: number, spread: number, random: number): number {
  return Math.max(timeAtHand, 0) * spread * random
}

/** How long to wait before connections to an address that is gone are replaced: not all instances at once. */
export function addressDelay(random: number): number {
  return 10_000 * random
}

/** The longest wait before a failed rotation is retried whose connections are past their deadline, in ms. */
const RETRY_PAST_DEADLINE = 5_000

/**
 * How long to wait before a failed rotation is retried: as for a token. Past the deadline not for long: the rotation to the
 * next token comes after it.
 *
 * @param attempt - how many have failed in a row, 1 for the first
 * @param random - from 0 to 1
 * @param timeAtHand - until the deadline of the connections in use; 0 or less after it
 */
export function rotationRetryDelay(attempt: number, random: number, timeAtHand: number): number {
  const delay = retryDelay(attempt, random, 0, timeAtHand)
  return timeAtHand > 0 ? delay : Math.min(delay, RETRY_PAST_DEADLINE)
}

/** How long a connection lives: `maxAge` less up to a tenth at random, so that connections drift apart. */
export function maxAgeOf(maxAge: number | undefined, random: number): number {
  return maxAge === undefined ? Number.POSITIVE_INFINITY : maxAge * (1 - random / 10)
}

/** How many of the outdated connections get a replacement: as many as were busy recently, and at least `min`. */
export function replacementsFor(outdated: number, upToDate: number, busiest: number, min: number): number {
  return Math.min(Math.max(Math.max(busiest, min) - upToDate, 0), outdated)
}

/**
 * How long to wait before the next login after one that failed.
 *
 * @param interval - for this attempt
 * @param mayPass - whether the reason may pass
 * @param served - whether other connections serve the work meanwhile
 * @param timeLeft - of the work that has waited longest; undefined if none waits
 * @param longest - how long work may wait
 */
export function loginDelay(
  interval: number,
  mayPass: boolean,
  served: boolean,
  timeLeft: number | undefined,
  longest: number,
): number {
  if (served) return Math.min(interval, longest * MOST_OF_A_WAIT)
  return Math.min(interval, mayPass ? Math.max(timeLeft ?? NEXT_ON_DEMAND, 0) : NEXT_ON_DEMAND)
}

/** What the schedule of a connection depends on. */
export interface ScheduledConnection {
  readonly state: 'idle' | 'lent' | 'validating' | 'closing'
  readonly connection: { readonly lease: Lease }
  /** Since the server last answered. */
  readonly silence: number
  readonly ageLeft: number
}

/** How long a connection may stay open with its token. */
export function timeLeft(
  { connection: { lease }, state }: Pick<ScheduledConnection, 'connection' | 'state'>,
  settings: PoolSettings,
): number {
  return state === 'lent' && settings.sessionsOutliveTokens ? Number.POSITIVE_INFINITY : lease.timeLeft
}

/**
 * What is due for a connection: the reason to close it now, or how long until something may be due.
 *
 * @param spare - whether it may be closed when it is idle
 */
export function dueFor(entry: ScheduledConnection, spare: boolean, settings: PoolSettings): CloseReason | number {
  const { state, ageLeft } = entry
  if (state === 'closing') return Number.POSITIVE_INFINITY
  const life = timeLeft(entry, settings)
  if (life <= 0) return 'expired'
  const untilOld = ageLeft > 0 ? ageLeft : Number.POSITIVE_INFINITY
  if (state !== 'idle') return Math.min(life, untilOld)
  const { deadlineIn } = entry.connection.lease
  if (deadlineIn <= 0) return 'expired'
  const idleLeft = spare ? settings.maxIdleConnectionLifetime - entry.silence : Number.POSITIVE_INFINITY
  return idleLeft <= 0 ? 'idle' : Math.min(deadlineIn, untilOld, idleLeft)
}
