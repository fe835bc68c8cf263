/** Whether failed work is run again: yes if it did not run, no if it may have run. */

import type { Failure } from '../errors/entra-error.ts'

/** `begin`: the beginning of a transaction, which has done nothing even if its answer was lost. */
export type Work = 'statement' | 'begin'

/** How often a piece of work is run again for each kind of failure, each time on another connection. */
const RERUNS: Readonly<Record<Failure, Record<Work, number>>> = {
  // The server ended the session because of its token. If it ends a second one, the current token does not help either.
  token: { statement: 1, begin: 1 },
  // The connection went away before the statement was sent.
  'not-sent': { statement: 3, begin: 3 },
  // The connection went away afterwards.
  lost: { statement: 0, begin: 3 },
  // No connection could be opened: the pool has already waited.
  unavailable: { statement: 0, begin: 0 },
}

/** How often one piece of work has failed, by kind of failure. */
export type FailureCounts = Partial<Record<Failure, number>>

/** @param counts - all failures of this work, including this one */
export function mayRunAgain(work: Work, failure: Failure | undefined, counts: FailureCounts): boolean {
  return failure !== undefined && (counts[failure] ?? 0) <= RERUNS[failure][work]
}
