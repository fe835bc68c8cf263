import type { Clock } from '../time/clock.ts'
import type { PoolConnection } from './connection.ts'
import type { PoolEntry } from './entry.ts'
import type { PoolSettings } from './settings.ts'

/**
 * After two of these another connection is looked for while the answer is waited for, in ms. In two steps: where the
 * event loop was blocked, the answer may be there, and is read between them.
 */
const PATIENCE = 500

/** A connection that has not answered after this is given up, in ms. HikariCP's `validationTimeout`. */
const VALIDATION_TIMEOUT = 5_000

/** Finds out whether idle connections are alive before they are lent. */
export class Validations<C extends PoolConnection> {
  readonly #settings: PoolSettings
  readonly #clock: Clock
  readonly #onLate: () => void
  #suspicion = 0
  #coming = 0

  /** @param onLate - called where a connection takes long to answer */
  constructor(settings: PoolSettings, clock: Clock, onLate: () => void) {
    this.#settings = settings
    this.#clock = clock
    this.#onLate = onLate
  }

  /** Counts up with each reason to doubt what is open. */
  get suspicion(): number {
    return this.#suspicion
  }

  /** Connections that are asked, and may answer any moment. */
  get coming(): number {
    return this.#coming
  }

  /** Something has happened to one connection: all others have to show that they are alive. */
  suspect(): void {
    this.#suspicion++
  }

  /** Whether a connection has to answer before it is lent. */
  isNeeded(entry: PoolEntry<C>): boolean {
    const { validation, validateAfter } = this.#settings
    if (validation === 'never') return false
    if (entry.silence > validateAfter || this.suspects(entry)) return true
    return validation === 'always' && !entry.validated
  }

  /** Whether it has not answered since there was reason to doubt it. */
  suspects(entry: PoolEntry<C>): boolean {
    return entry.isSuspect(this.#suspicion)
  }

  /** Makes one round trip. @returns whether the other end answered in time */
  async run(entry: PoolEntry<C>): Promise<boolean> {
    const { suspicion } = this
    let late = false
    this.#coming++
    const goOn = () => {
      if (late) return
      late = true
      this.#coming--
    }
    let patience = this.#clock.setTimer(PATIENCE, () => {
      patience = this.#clock.setTimer(PATIENCE, () => {
        goOn()
        this.#onLate()
      })
    })
    const isAlive = await this.#inTime(entry.connection.validate())
    patience.cancel()
    goOn()
    if (isAlive) entry.answered(suspicion)
    return isAlive
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
