import { EntraError } from '../errors/entra-error.ts'
import { type Clock, Stopwatch, sleep } from '../time/clock.ts'

/** For how long a missing user is not asked about again, in ms: shorter than it takes to create one. */
const MISSING_FOR = 3_000

/** How long a login waits for the first one in the same database, in ms. That one may wait for a paused database. */
const FIRST_LOGIN = 2_000

/** What a proxy knows of its databases. Names are compared as most servers do: without case. */
export class Databases {
  readonly #clock: Clock
  readonly #opened = new Set<string>()
  readonly #firstLogins = new Map<string, Promise<unknown>>()
  readonly #missingUsers = new Map<string, { error: EntraError; since: Stopwatch }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  wasOpened(database: string): boolean {
    return this.#opened.has(database.toLowerCase())
  }

  /**
   * Opens a session in a database. A pool of clients finds the same user missing: the server is asked about it once, not
   * by each of them.
   *
   * @param signal - aborts the wait for another login
   * @throws what `open` throws, or has thrown a moment ago for a missing user
   */
  async open<Session>(database: string, open: () => Promise<Session>, signal: AbortSignal): Promise<Session> {
    const name = database.toLowerCase()
    const first = this.#firstLogins.get(name)
    if (first !== undefined) await Promise.race([first, sleep(this.#clock, FIRST_LOGIN, signal)])
    const missing = this.#missingUsers.get(name)
    if (missing !== undefined && missing.since.left(MISSING_FOR) > 0) throw missing.error
    const opening = this.#note(name, open())
    if (!this.#opened.has(name) && !this.#firstLogins.has(name)) {
      const over = Promise.allSettled([opening])
      this.#firstLogins.set(name, over)
      void over.then(() => this.#firstLogins.delete(name))
    }
    return opening
  }

  async #note<Session>(name: string, opening: Promise<Session>): Promise<Session> {
    try {
      const session = await opening
      this.#opened.add(name)
      this.#missingUsers.delete(name)
      return session
    } catch (error) {
      if (error instanceof EntraError && error.code === 'PRINCIPAL_UNKNOWN') {
        this.#missingUsers.set(name, { error, since: new Stopwatch(this.#clock) })
      }
      throw error
    }
  }
}
