import { claimsOf } from '../credentials/claims.ts'
import { type Clock, Stopwatch } from '../time/clock.ts'
import { clockSkew, expiryGap, type Lease, SKEW_TOLERANCE } from '../token/lease.ts'
import type { Finding } from './steps.ts'

/**
 * Compares this machine's clock with others.
 *
 * @param entraMs - how far it is ahead of Entra ID's, in ms; negative if behind, undefined if unknown
 * @param databaseMs - the same for the server's
 */
export function checkClock(entraMs: number | undefined, databaseMs: number | undefined): Finding<true> {
  const sides = [
    { skew: entraMs, other: 'Entra ID' },
    { skew: databaseMs, other: 'the server' },
  ]
  const summary = sides.flatMap(({ skew, other }) => (skew === undefined ? [] : comparison(skew, other))).join(', ')
  const isOff = sides.some(({ skew = 0 }) => Math.abs(skew) > SKEW_TOLERANCE)
  return {
    value: true,
    summary: summary || 'nothing to compare it with',
    details: { entraSkewMs: entraMs, databaseSkewMs: databaseMs && Math.round(databaseMs) },
    warnings: isOff
      ? [`This machine's clock: ${summary}. Tokens are refreshed by this clock. Synchronize it (NTP).`]
      : [],
  }
}

function comparison(skew: number, other: string): string {
  if (Math.abs(skew) <= SKEW_TOLERANCE) return `agrees with ${other}`
  return `${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'ahead of' : 'behind'} ${other}`
}

/**
 * How far this machine's clock is ahead of Entra ID's by the times of a new token, in ms: 0 if less than a minute,
 * undefined if they contradict each other.
 */
export function entraSkew({ token, expiresOn, acquiredAt }: Lease): number | undefined {
  const claims = claimsOf(token)
  const skew = claims && clockSkew(claims, expiresOn, acquiredAt)
  return skew ?? (claims === undefined || expiryGap(claims, expiresOn) !== undefined ? undefined : 0)
}

const QUERIES = 5

/**
 * Measures a few queries.
 *
 * @param loginMs - how long the login took, in ms
 */
export async function checkLatency(
  loginMs: number,
  query: () => Promise<unknown>,
  clock: Clock,
): Promise<Finding<true>> {
  const times: number[] = []
  for (let i = 0; i < QUERIES; i++) {
    const time = new Stopwatch(clock)
    await query()
    times.push(time.elapsed)
  }
  const queryMs = median(times)
  return {
    value: true,
    summary: `the login took ${loginMs.toFixed(1)} ms, a query takes ${queryMs.toFixed(1)} ms (median of ${QUERIES})`,
    details: { loginMs: rounded(loginMs), queryMs: rounded(queryMs), queries: QUERIES },
  }
}

/** The middle one of an odd number of values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100
}
