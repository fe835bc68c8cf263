import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import type { Lease } from '../token/lease.ts'

/** What a generation runs on: a connected driver adapter whose connections can be counted, warmed and cut. */
export interface GenerationPool extends SqlDriverAdapter {
  /** The most connections that it opens. */
  readonly max: number
  /** How long work waits for one of its connections at most, in ms. */
  readonly acquireTimeout: number
  /** Connections open now, those that are logging in included. */
  connectionCount(): number
  /**
   * Connections that it lends or has lent, one that was lost under a transaction included as long as that has not
   * ended; none that is still logging in.
   */
  lendable(): number
  /** Whether the last login failed, and none has succeeded since. */
  readonly loginsFail: boolean
  /**
   * Opens connections until `count` are open, no more than `atOnce` logging in at a time.
   *
   * @throws what a failed login throws, explained
   */
  warmUp(count: number, atOnce: number): Promise<void>
  /**
   * Sees to it that there is a connection for the work that comes first, which may come before that connection is open.
   * Resolves when it is open, or when work has taken its place.
   *
   * @throws what a failed login throws, explained
   */
  prepare(): Promise<void>
  /** Closes the connections that nothing runs on. */
  closeIdle(): void
  /** Cuts every connection now, whatever runs on it. */
  terminate(): void
  /**
   * What an error of its work means: an `EntraError` where a token or a connection is at fault, which says what became
   * of the statement; else the error itself.
   */
  explain(error: unknown): unknown
}

/**
 * Opens what a generation runs on, with one lease. This is all that rotation knows of the driver behind it.
 *
 * @param signal - aborted when the result is not wanted any more: rejects then, and leaves nothing open
 * @throws where no connection can be opened with this lease; explained as by {@link GenerationPool.explain}
 */
export type OpenPool = (lease: Lease, signal: AbortSignal) => Promise<GenerationPool>
