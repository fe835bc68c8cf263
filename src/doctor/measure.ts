import { claimsOf } from '../credentials/claims.ts'
import { type Clock, Stopwatch } from '../time/clock.ts'
import { clockSkew, type Lease } from '../token/lease.ts'
import type { Finding } from './steps.ts'

/** Ignored as clock skew, in ms. */
const TOLERANCE = 60_000

/**
 * Compares this machine's clock with others.
 *
 * @param entraMs - how far it is ahead of Entra ID's, in ms; negative if behind, undefined if unknown
 * @param databaseMs - the same for the server's
 */
export function checkClock(entraMs: number | undefined, databaseMs: number | undefined): Finding<true> {
  const known = [
    ...(entraMs === undefined ? [] : [{ skew: entraMs, other: 'Entra ID' }]),
    ...(databaseMs === undefined ? [] : [{ skew: databaseMs, other: 'the server' }]),
  ]
  const off = ({ skew }: { skew: number }) => Math.abs(skew) > TOLERANCE
  const words = known.map((clock) => {
    const { skew, other } = clock
    if (!off(clock)) return `agrees with ${other}`
    return `${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'ahead of' : 'behind'} ${other}`
  })
  const advice = 'Tokens are refreshed by this clock. Synchronize it (NTP).'
  return {
    value: true,
    summary: words.join(', '),
    details: { entraSkewMs: entraMs, databaseSkewMs: databaseMs && Math.round(databaseMs) },
    warnings: known.some(off) ? [`This machine's clock: ${words.join(', ')}. ${advice}`] : [],
  }
}

/** How far this machine's clock is ahead of Entra ID's by the times of a new token, in ms: 0 if less than a minute. */
export function entraSkew({ token, expiresOn, acquiredAt }: Lease): number | undefined {
  const claims = claimsOf(token)
  return claims && (clockSkew(claims, expiresOn, acquiredAt) ?? 0)
}

const LOGINS = 3
const QUERIES = 5

/** Measures a few logins, each from DNS on, and a few queries. */
export async function checkLatency(
  login: () => Promise<unknown>,
  query: () => Promise<unknown>,
  clock: Clock,
): Promise<Finding<true>> {
  const loginMs = median(await timesOf(LOGINS, login, clock))
  const queryMs = median(await timesOf(QUERIES, query, clock))
  return {
    value: true,
    summary: `a login takes ${loginMs.toFixed(1)} ms, a query ${queryMs.toFixed(1)} ms (median of ${LOGINS} and ${QUERIES})`,
    details: { loginMs, queryMs, logins: LOGINS, queries: QUERIES },
  }
}

async function timesOf(count: number, work: () => Promise<unknown>, clock: Clock): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const time = new Stopwatch(clock)
    await work()
    times.push(time.elapsed)
  }
  return times
}

/** The middle one of an odd number of values. */
export function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
  return Math.round(middle * 100) / 100
}
