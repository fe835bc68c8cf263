import { type Clock, Stopwatch } from '../time/clock.ts'
import type { PoolConnection } from './connection.ts'
import type { Connections } from './connections.ts'

/** Between two lookups, in ms, as in Google's Cloud SQL connectors; without work there is none. */
const LOOK_EVERY = 30_000

/** An address that comes back within this time, in ms, is one of several that DNS gives in turn. */
const IN_TURN = 600_000

/**
 * Notices that a server's name no longer leads to an address that connections are open to, for example after a failover to
 * another region: they are replaced at leisure. An address counts as gone if it is missing in two lookups in a row, and only
 * once: addresses that come and go must not cause endless replacement.
 */
export class AddressWatch<C extends PoolConnection> {
  readonly #clock: Clock
  readonly #lookup: () => Promise<readonly string[]>
  readonly #connections: Connections<C>
  readonly #onGone: () => void
  #since: Stopwatch
  /** Of those in use, missing in the last lookup. */
  #missing = new Set<string>()
  readonly #gone = new Map<string, Stopwatch>()
  readonly #inTurn = new Set<string>()

  /**
   * @param lookup - resolves to the addresses of the server's name
   * @param onGone - called when connections are to be replaced
   */
  constructor(clock: Clock, lookup: () => Promise<readonly string[]>, connections: Connections<C>, onGone: () => void) {
    this.#clock = clock
    this.#lookup = lookup
    this.#connections = connections
    this.#onGone = onGone
    this.#since = new Stopwatch(clock)
  }

  /** To be called when work begins: looks if it is time. */
  look(): void {
    if (this.#since.left(LOOK_EVERY) > 0) return
    this.#since = new Stopwatch(this.#clock)
    // A DNS that does not answer says nothing.
    this.#lookup().then(
      (found) => found.length > 0 && this.#note(new Set(found)),
      () => {},
    )
  }

  #note(found: ReadonlySet<string>): void {
    for (const [address, since] of this.#gone) {
      if (!found.has(address)) continue
      this.#gone.delete(address)
      if (since.left(IN_TURN) > 0) this.#inTurn.add(address)
    }
    const missing = new Set(this.#connections.addresses.filter((address) => !found.has(address)))
    for (const address of missing) {
      if (!this.#missing.has(address) || this.#gone.has(address) || this.#inTurn.has(address)) continue
      this.#gone.set(address, new Stopwatch(this.#clock))
      this.#connections.markGone(address)
      this.#onGone()
    }
    this.#missing = missing
  }
}
