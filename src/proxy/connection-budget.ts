import type { ProxySettings } from './settings.ts'

/** How many connections may wait for the system to say whose they are. Other users' connections end at that point. */
const MAX_STRANGERS = 10_000

type Limits = Pick<ProxySettings, 'maxConnections' | 'maxLogins'>

/** A connection that the budget counts. */
export interface BudgetedConnection {
  /** Closes it, because there are too many. */
  refuseAsTooMany(): void
}

/**
 * Keeps the connections of a proxy within its limits: each is added, begins its login once it is known to be ours, has
 * logged in, and is removed.
 */
export class ConnectionBudget {
  readonly #limits: Limits
  readonly #unknown = new Set<BudgetedConnection>()
  /** In the order in which they came. */
  readonly #loggingIn = new Set<BudgetedConnection>()
  readonly #loggedIn = new Set<BudgetedConnection>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** A connection of which nothing is known yet. */
  add(connection: BudgetedConnection): void {
    this.#unknown.add(connection)
    if (this.#unknown.size > MAX_STRANGERS) connection.refuseAsTooMany()
  }

  /** It is our user's. If too many are logging in, the oldest of them is closed: slow logins must not keep others out. */
  beginLogin(connection: BudgetedConnection): void {
    if (!this.#unknown.delete(connection)) return
    this.#loggingIn.add(connection)
    const { maxConnections, maxLogins } = this.#limits
    const [oldest] = this.#loggingIn
    if (this.#loggingIn.size > maxLogins) oldest?.refuseAsTooMany()
    if (this.#loggingIn.size + this.#loggedIn.size > maxConnections) connection.refuseAsTooMany()
  }

  /** It gave the right login. */
  endLogin(connection: BudgetedConnection): void {
    if (this.#loggingIn.delete(connection)) this.#loggedIn.add(connection)
  }

  remove(connection: BudgetedConnection): void {
    for (const each of [this.#unknown, this.#loggingIn, this.#loggedIn]) each.delete(connection)
  }
}
