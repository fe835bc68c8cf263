import type { Clock } from '../time/clock.ts'
import type { PoolConnection, PoolEntry } from './connection.ts'
import type { Connections } from './connections.ts'
import type { PoolSettings } from './settings.ts'

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
  readonly #settings: PoolSettings
  readonly #clock: Clock
  readonly #onLate: () => void
  #coming = 0

  /** @param onLate - called when an answer is late */
  constructor(connections: Connections<C>, settings: PoolSettings, clock: Clock, onLate: () => void) {
    this.#connections = connections
    this.#settings = settings
    this.#clock = clock
    this.#onLate = onLate
  }

  /** Validations that may end any moment. */
  get coming(): number {
    return this.#coming
  }

  /** Whether to validate a connection before it is lent. */
  isNeeded(entry: PoolEntry<C>): boolean {
    const { validation, validateAfter } = this.#settings
    if (validation === 'never') return false
    if (entry.silence > validateAfter || this.suspects(entry)) return true
    return validation === 'always' && !entry.validated
  }

  /** Whether it has not answered since there was last reason to doubt it. */
  suspects(entry: PoolEntry<C>): boolean {
    return entry.isSuspect(this.#connections.suspicion)
  }

  /** Makes one round trip, and closes a connection that fails. @returns whether it may be lent */
  async run(entry: PoolEntry<C>): Promise<boolean> {
    const { suspicion } = this.#connections
    entry.state = 'validating'
    let late = false
    this.#coming++
    const stopCounting = () => {
      if (late) return
      late = true
      this.#coming--
    }
    let timer = this.#clock.setTimer(LATE_STEP, () => {
      timer = this.#clock.setTimer(LATE_STEP, () => {
        stopCounting()
        this.#onLate()
      })
    })
    const isAlive = await this.#inTime(entry.connection.validate())
    timer.cancel()
    stopCounting()
    if (isAlive) entry.answered(suspicion)
    // It may have ended meanwhile.
    if (entry.state !== 'validating') return false
    if (isAlive) return true
    this.#connections.suspect()
    this.#connections.close(entry, 'unusable')
    return false
  }

  #inTime(answer: Promise<boolean>): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(VALIDATION_TIMEOUT, () => resolve(false))
      answer.then((isAlive) => {
        timer.cancel()
        resolve(isAlive)
      })
    })
  }
}
