import type { HeapGrowth } from './heap-trend.ts'
import type { Incident } from './incidents.ts'

/** All figures of a run: what `--json` writes, and what the summary and the verdict are made of. */
export interface Report {
  seed: number
  /** How long the workload ran, in s. */
  seconds: number
  rotations: number
  /** Of those, how many began and ended with no fault on. */
  rotationsUndisturbed: number
  /** As the adapter counts them. */
  tokenRequests: number
  tokenRequestsFailed: number
  /** As the gateway counts them. */
  logins: number
  loginsRefused: number
  /** Queries and transactions that succeeded. */
  done: number
  failures: { cause: string; explained: number; unexplained: number; by: Record<string, number> }[]
  /** The first of what must not happen and did. */
  incidents: readonly Incident[]
  /** The longest that a query or transaction took, in ms. */
  longest: number
  /** Queries and transactions that had not ended long after the work was over. */
  neverEnded: number
  faults: { kind: string; faults: number; hits: number }[]
  heap: {
    /** In bytes: before the work, and after it. */
    start: number
    end: number
    /** Undefined where the run was too short to tell. */
    growth: HeapGrowth | undefined
  }
  /** By Node's count of this process's TCP sockets: before the work, the most at a time, and after it. */
  sockets: { start: number; most: number; end: number; allowed: number }
  /** Connections of the driver, from before their login until their end. */
  connections: { most: number; allowed: number }
  requestsAfterExpiry: number
  /** The least time that was left on a session's token at a request, in ms. */
  leastTimeLeft: number | undefined
  /** What does not add up in the rows. */
  findings: string[]
  /** What is there after `$disconnect` that was not there before the client was: here, and at the gateway. */
  left: string[]
  /** Rejections that nobody handled, and warnings of Node. */
  warnings: string[]
}
