/** Whether failed work is run again: yes if it did not run, no if it may have run. */

import type { Failure } from '../errors/entra-error.ts'

/**
 * - `begin`: the beginning of a transaction, which has done nothing even if its answer was lost
 * - `read`: a statement that certainly only reads, where the user allows to run it again
 * - `script`: several statements, of which the server may have refused the last
 */
export type Work = 'statement' | 'begin' | 'read' | 'script'

const ALWAYS = Number.POSITIVE_INFINITY

/** How often a piece of work is run again for each kind of failure, each time on another connection. */
const RERUNS: Readonly<Record<Failure, Record<Work, number>>> = {
  // The server ended the session because of its token. If it ends a second one, the current token does not help either.
  token: { statement: 1, begin: 1, read: 1, script: 1 },
  // The connection went away before the statement was sent.
  'not-sent': { statement: 3, begin: 3, read: 3, script: 3 },
  // The connection went away afterwards.
  lost: { statement: 0, begin: 3, read: 3, script: 0 },
  // The server refused it, for a reason that passes. Its time decides.
  unavailable: { statement: ALWAYS, begin: ALWAYS, read: ALWAYS, script: 0 },
  // Once, on a new connection: then it is a replica, not a failover.
  'read-only': { statement: 1, begin: 1, read: 1, script: 0 },
}

/** How often one piece of work has failed, by kind of failure. */
export type FailureCounts = Partial<Record<Failure, number>>

/** @param counts - all failures of this work, including this one */
export function mayRunAgain(work: Work, failure: Failure, counts: FailureCounts): boolean {
  return (counts[failure] ?? 0) <= RERUNS[failure][work]
}
