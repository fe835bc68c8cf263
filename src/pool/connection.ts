import type { CloseReason } from '../events.ts'
import type { Lease } from '../token/lease.ts'

/** One session of the driver, as far as the pool knows it: opened with one lease, and kept with it. */
export interface PoolConnection {
  readonly lease: Lease
  /** Whether work may be given to it as far as this end knows: logged in, its socket open, in no transaction. */
  readonly isUsable: boolean
  /** Makes one round trip. Resolves to whether the other end answered; never rejects. */
  validate(): Promise<boolean>
  /** Closes it now, whatever runs on it. Harmless when it has ended. */
  close(reason: CloseReason): void
  /** Calls `listener` once, when the connection has ended, whoever ended it. Never from within `close`. */
  onEnd(listener: () => void): void
}

/**
 * Logs in with a lease's token.
 *
 * @param signal - aborted when the connection is not wanted any more: rejects then, and leaves nothing open
 * @throws {@link EntraError} where no connection can be opened with this lease
 */
export type OpenConnection<C extends PoolConnection> = (lease: Lease, signal: AbortSignal) => Promise<C>
