import type { PoolConnection, PoolContext, PoolEntry } from './connection.ts'
import type { Connections } from './connections.ts'
import { NEVER } from './settings.ts'

/**
 * An answer is late after two of these, in ms: then work looks for another connection. There are two, because after the
 * event loop was blocked the answer may be there, and is read between them.
 */
const LATE_STEP = 500

/** How long a connection may take to answer, in ms. HikariCP's `validationTimeout`. */
const VALIDATION_TIMEOUT = 5_000

/** Decides which connections are validated before they are lent, and validates them. */
export class Validations<C extends PoolConnection> {
  readonly #connections: Connections<C>
  readonly #pool: PoolContext
  readonly #onLate: () => void
  readonly #coming = new Set<PoolEntry<C>>()

  /** @param onLate - called when an answer is late */
  constructor(pool: PoolContext, connections: Connections<C>, onLate: () => void) {
    this.#pool = pool
    this.#connections = connections
    this.#onLate = onLate
  }

  /** Validations that may end any moment. */
  get coming(): number {
    return this.#coming.size
  }

  /** Whether to validate a connection before it is lent. */
  isNeeded(entry: PoolEntry<C>): boolean {
    const { validateAfter } = this.#pool.settings
    return validateAfter !== NEVER && (entry.silence > validateAfter || entry.isSuspect)
  }

  /** Makes one round trip, and closes a connection that fails. @returns whether it may be lent */
  async run(entry: PoolEntry<C>): Promise<boolean> {
    entry.state = 'validating'
    // There may be new reason to doubt it before it answers.
    entry.isSuspect = false
    this.#coming.add(entry)
    const { clock } = this.#pool
    let timer = clock.setTimer(LATE_STEP, () => {
      timer = clock.setTimer(LATE_STEP, () => {
        this.#coming.delete(entry)
        this.#onLate()
      })
    })
    const isAlive = await this.#inTime(entry.connection.validate())
    timer.cancel()
    this.#coming.delete(entry)
    // It may have ended meanwhile.
    if (entry.state !== 'validating') return false
    if (!isAlive) {
      this.#connections.suspect()
      this.#connections.close(entry, 'unusable')
      return false
    }
    entry.answered()
    return true
  }

  #inTime(answer: Promise<boolean>): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#pool.clock.setTimer(VALIDATION_TIMEOUT, () => resolve(false))
      answer.then((isAlive) => {
        timer.cancel()
        resolve(isAlive)
      })
    })
  }
}
