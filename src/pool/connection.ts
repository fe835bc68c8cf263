import type { CloseReason, PoolEvent } from '../events.ts'
import { type Clock, type Random, Stopwatch } from '../time/clock.ts'
import type { Lease } from '../token/lease.ts'
import type { TokenSource } from '../token/token-source.ts'
import type { PoolSettings } from './settings.ts'

/** What everything in one pool shares. */
export interface PoolContext {
  readonly source: TokenSource
  readonly settings: PoolSettings
  readonly clock: Clock
  readonly random: Random
  readonly emit: (event: PoolEvent) => void
  /** Called when work has to wait for a connection. */
  readonly onWait: () => void
  /** Resolves to the addresses of the server's name; undefined where no name is to be resolved. */
  readonly lookup?: (() => Promise<readonly string[]>) | undefined
  /** Whether there has ever been a connection, in this pool or another one of the same adapter. */
  hasConnected: boolean
  /** Whether work has ever written. @defaultValue false */
  hasWritten?: boolean
}

/** One session of the driver, as the pool sees it: opened with one lease, and kept with it. */
export interface PoolConnection {
  readonly lease: Lease
  /** Whether work may run on it, as far as this end knows: logged in, its socket open, in no transaction. */
  readonly isUsable: boolean
  /** The address that the server's name led to; undefined if it is not known. */
  readonly address?: string | undefined
  /** Why this end closed it; undefined if it did not. */
  readonly closedBy: CloseReason | undefined
  /** Makes one round trip. Resolves to whether the server answered; never rejects. */
  validate(): Promise<boolean>
  /** Closes it now, whatever runs on it. Does nothing if it has ended. */
  close(reason: CloseReason): void
  /** Calls `listener` once, when either end has ended the connection. Never from within `close`. */
  onEnd(listener: () => void): void
}

/**
 * Logs in with a lease's token.
 *
 * @param signal - aborted when the connection is no longer needed: then it rejects, and leaves nothing open
 * @param forRotation - whether it is a replacement; otherwise work waits for it
 * @throws {@link EntraError} if no connection can be opened with this lease
 */
export type OpenConnection<C extends PoolConnection> = (
  lease: Lease,
  signal: AbortSignal,
  forRotation: boolean,
) => Promise<C>

/** One connection in the pool, and what the pool knows about it. */
export class PoolEntry<C extends PoolConnection> {
  readonly connection: C
  /** Counts up from 1. */
  readonly id: number
  /** `closing`: no longer used, but not ended yet. `validating` also when it has just been opened. */
  state: 'idle' | 'lent' | 'validating' | 'closing' = 'validating'
  /** Whether its replacement is open: it is closed as soon as nothing runs on it. */
  retired = false
  /** The same, and no work begins on it: it leads to a server that is no longer the right one. */
  isEvicted = false
  /** Whether its server's name no longer leads to its address: it is replaced at leisure. */
  addressIsGone = false
  /** Whether there was reason to doubt it since it last answered: then it is validated before it is lent. */
  isSuspect = false
  readonly #clock: Clock
  readonly #opened: Stopwatch
  readonly #maxAge: number
  #heard: Stopwatch

  /** @param maxAge - how long it lives, in ms */
  constructor(connection: C, id: number, maxAge: number, clock: Clock) {
    this.connection = connection
    this.id = id
    this.#clock = clock
    this.#maxAge = maxAge
    this.#opened = new Stopwatch(clock)
    this.#heard = this.#opened
  }

  /** In ms. */
  get age(): number {
    return this.#opened.elapsed
  }

  /** Until it reaches its maximum age, in ms; 0 or less after that. */
  get ageLeft(): number {
    return this.#maxAge === Number.POSITIVE_INFINITY ? this.#maxAge : this.#opened.left(this.#maxAge)
  }

  /** Since the server last answered, in ms. */
  get silence(): number {
    return this.#heard.elapsed
  }

  /** The server has answered. */
  answered(): void {
    this.#heard = new Stopwatch(this.#clock)
  }
}
