/** How many connections a proxy has at most. */
export interface RoomLimits {
  /** Logged in or not. */
  maxConnections: number
  /** Not logged in yet. */
  maxLogins: number
}

/** How many connections may wait for the system to say whose they are: those of strangers end there. */
const MAX_STRANGERS = 10_000

/** A connection, as the room sees it. */
export interface Guest {
  /** Closes it, because there is no room. */
  turnOut(): void
}

/**
 * Keeps the connections of a proxy within its limits. A connection arrives, logs in once it is known to be ours, stays,
 * and leaves.
 */
export class Room {
  readonly #limits: RoomLimits
  readonly #arrived = new Set<Guest>()
  /** In the order in which they came. */
  readonly #loggingIn = new Set<Guest>()
  readonly #loggedIn = new Set<Guest>()

  constructor(limits: RoomLimits) {
    this.#limits = limits
  }

  /** A connection of which nothing is known yet. */
  arrive(guest: Guest): void {
    this.#arrived.add(guest)
    if (this.#arrived.size > MAX_STRANGERS) guest.turnOut()
  }

  /** It is ours. If too many have not logged in yet, the one that takes longest must go: a slow login must not bar others. */
  logIn(guest: Guest): void {
    if (!this.#arrived.delete(guest)) return
    this.#loggingIn.add(guest)
    const { maxConnections, maxLogins } = this.#limits
    if (this.#loggingIn.size > maxLogins) for (const oldest of [...this.#loggingIn].slice(0, 1)) oldest.turnOut()
    if (this.#loggingIn.size + this.#loggedIn.size > maxConnections) guest.turnOut()
  }

  /** It gave the right login. */
  stay(guest: Guest): void {
    if (this.#loggingIn.delete(guest)) this.#loggedIn.add(guest)
  }

  leave(guest: Guest): void {
    for (const each of [this.#arrived, this.#loggingIn, this.#loggedIn]) each.delete(guest)
  }
}
