import { Stopwatch } from '../time/clock.ts'
import type { Lease } from '../token/lease.ts'
import type { Prepared } from './connection-string.ts'
import type { Limits } from './limits.ts'
import { open } from './login.ts'
import type { Session } from './session.ts'
import type { Outcome } from './step.ts'

const LOGINS = 3
const QUERIES = 5

/** Measures a few logins, each from the server's name on, and a few queries. */
export async function measure(
  prepared: Prepared,
  lease: Lease,
  session: Session,
  limits: Limits,
): Promise<Outcome<true>> {
  const logins = await sample(LOGINS, limits, () => open(prepared, lease, limits))
  const queries = await sample(QUERIES, limits, () => session.row('SELECT 1 AS one'))
  const loginMs = median(logins)
  const queryMs = median(queries)
  return {
    value: true,
    summary: `a login takes ${loginMs.toFixed(1)} ms, a query ${queryMs.toFixed(1)} ms (median of ${LOGINS} and ${QUERIES})`,
    details: { loginMs, queryMs, logins: LOGINS, queries: QUERIES },
  }
}

async function sample(count: number, { clock, signal }: Limits, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    signal.throwIfAborted()
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
