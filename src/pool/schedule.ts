/** When connections are closed and replaced, and how many: pure functions of values. All durations in ms. */

import type { CloseReason } from '../events.ts'
import type { Lease } from '../token/lease.ts'
import { hardDeadline, type RefreshTiming } from '../token/refresh-policy.ts'
import type { PoolSettings } from './settings.ts'

/** The next login begins this long after one that failed for good, or that nobody waits for, at the latest. */
const NEXT_ON_DEMAND = 2_000

/** Work that waits its whole time out sees four attempts at least. */
const MOST_OF_A_WAIT = 0.25

/**
 * How long to wait with the rotation after a new token came.
 *
 * @param timeAtHand - until the deadline of the connections in use
 * @param random - from 0 to 1
 */
export function rotationDelay(timeAtHand: number, spread: number, random: number): number {
  return Math.max(timeAtHand, 0) * spread * random
}

/** How long a connection lives under `maxAge`: up to a tenth is taken off at random, so that they drift apart. */
export function maxAgeOf(maxAge: number | undefined, random: number): number {
  return maxAge === undefined ? Number.POSITIVE_INFINITY : maxAge * (1 - random / 10)
}

/** How many of the outdated connections get a replacement: as many as were busy of late, and `min` at least. */
export function replacementsFor(counts: { outdated: number; upToDate: number; busiest: number; min: number }): number {
  const needed = Math.max(counts.busiest, counts.min) - counts.upToDate
  return Math.min(Math.max(needed, 0), counts.outdated)
}

/**
 * How long to wait before the next login after one that failed.
 *
 * @param interval - by Microsoft's advice, for this attempt
 * @param mayPass - whether the reason passes by itself
 * @param served - whether other connections serve the work meanwhile
 * @param timeLeft - of the work that has waited longest; undefined where none waits
 */
export function loginDelay(
  interval: number,
  {
    mayPass,
    served,
    timeLeft = NEXT_ON_DEMAND,
    longest,
  }: { mayPass: boolean; served: boolean; timeLeft: number | undefined; longest: number },
): number {
  if (served) return Math.min(interval, longest * MOST_OF_A_WAIT)
  return Math.min(interval, mayPass ? Math.max(timeLeft, 0) : NEXT_ON_DEMAND)
}

/** Until the moment from which a lease's connections take no new work. */
export function deadlineIn(lease: Lease, timing: RefreshTiming): number {
  return hardDeadline(lease, timing) - lease.now()
}

/** One connection, as far as its schedule is concerned. */
export interface ScheduledConnection {
  readonly state: 'idle' | 'lent' | 'validating' | 'closing'
  readonly connection: { readonly lease: Lease }
  /** Since the other end was last heard of. */
  readonly silence: number
  readonly ageLeft: number
}

/** How long a connection may stay open for its token's sake. */
export function timeLeft(
  { connection: { lease }, state }: Pick<ScheduledConnection, 'connection' | 'state'>,
  settings: PoolSettings,
): number {
  return state === 'lent' && settings.sessionsOutliveTokens ? Number.POSITIVE_INFINITY : lease.timeLeft
}

/**
 * What is due for a connection: why it is to be closed, or how long until something may be due.
 *
 * @param spare - whether it may be closed for being idle
 */
export function dueFor(
  entry: ScheduledConnection,
  spare: boolean,
  settings: PoolSettings,
  timing: RefreshTiming,
): CloseReason | number {
  const { state, ageLeft } = entry
  if (state === 'closing') return Number.POSITIVE_INFINITY
  const life = timeLeft(entry, settings)
  if (life <= 0) return 'expired'
  const untilOld = ageLeft > 0 ? ageLeft : Number.POSITIVE_INFINITY
  if (state !== 'idle') return Math.min(life, untilOld)
  const deadline = deadlineIn(entry.connection.lease, timing)
  if (deadline <= 0) return 'expired'
  const idleLeft = spare ? settings.maxIdleConnectionLifetime - entry.silence : Number.POSITIVE_INFINITY
  return idleLeft <= 0 ? 'idle' : Math.min(deadline, untilOld, idleLeft)
}
