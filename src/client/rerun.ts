/** Whether work that failed is run again: a pure table. What did not run is, what may have run is not. */

import type { Failure } from '../errors/entra-error.ts'

/** `begin`: the beginning of a transaction, which has done nothing yet where its answer was lost. */
export type Work = 'statement' | 'begin'

/** How often a piece of work is run again for each cause. Its next connection is another one each time. */
const RERUNS: Readonly<Record<Failure, Record<Work, number>>> = {
  // The server ended the session for its token: a second one that it ends was opened with the token that there is now.
  token: { statement: 1, begin: 1 },
  // The connection went away before the statement was sent.
  'not-sent': { statement: 3, begin: 3 },
  // It went away afterwards.
  lost: { statement: 0, begin: 3 },
  // No connection could be opened: the pool has waited as long as it may.
  unavailable: { statement: 0, begin: 0 },
}

/** The failures of one piece of work, by their cause. */
export type FailureCounts = Partial<Record<Failure, number>>

/** @param counts - of all failures of this work, the one that is judged included */
export function mayRunAgain(work: Work, failure: Failure | undefined, counts: FailureCounts): boolean {
  return failure !== undefined && (counts[failure] ?? 0) <= RERUNS[failure][work]
}
