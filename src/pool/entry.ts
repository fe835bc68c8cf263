import type { CloseReason } from '../events.ts'
import { type Clock, Stopwatch } from '../time/clock.ts'
import type { PoolConnection } from './connection.ts'

/** One connection in the pool, and what the pool remembers of it. */
export class PoolEntry<C extends PoolConnection> {
  readonly connection: C
  /** Counts up from 1. */
  readonly id: number
  /** `closing`: it is not used any more, and has not ended yet. `validating`, too, when it has just been opened. */
  state: 'idle' | 'lent' | 'validating' | 'closing' = 'validating'
  /** Whether its replacement is there, so that it is closed as soon as nothing runs on it. */
  retired = false
  /** Why the pool has closed it; undefined while it has not. */
  reason: CloseReason | undefined
  readonly #clock: Clock
  readonly #opened: Stopwatch
  readonly #maxAge: number
  #heard: Stopwatch
  /** The last suspicion that it has answered. */
  #cleared: number
  #validated = true

  /** @param maxAge - how long it lives, in ms */
  constructor(connection: C, id: number, maxAge: number, suspicion: number, clock: Clock) {
    this.connection = connection
    this.id = id
    this.#clock = clock
    this.#maxAge = maxAge
    this.#opened = new Stopwatch(clock)
    this.#heard = this.#opened
    this.#cleared = suspicion
  }

  /** In ms. */
  get age(): number {
    return this.#opened.elapsed
  }

  /** Until it is over its age, in ms; 0 or less when it is. */
  get ageLeft(): number {
    return this.#maxAge === Number.POSITIVE_INFINITY ? this.#maxAge : this.#opened.left(this.#maxAge)
  }

  /** Since the other end was last heard of, in ms. */
  get silence(): number {
    return this.#heard.elapsed
  }

  /** Whether nothing has run on it since it answered last; the login is an answer too. */
  get validated(): boolean {
    return this.#validated
  }

  /** Work begins on it. */
  lend(): void {
    this.state = 'lent'
    this.#validated = false
  }

  /** Work has ended on it. @param answered - whether the other end answered just now */
  giveBack(suspicion: number, answered: boolean): void {
    this.state = 'idle'
    if (!answered) return
    this.#heard = new Stopwatch(this.#clock)
    this.#cleared = suspicion
  }

  /** It has answered. @param suspicion - the last one when it was asked */
  answered(suspicion: number): void {
    this.#validated = true
    this.#heard = new Stopwatch(this.#clock)
    this.#cleared = suspicion
  }

  /** Whether something has happened to another connection since this one last answered. */
  isSuspect(suspicion: number): boolean {
    return this.#cleared < suspicion
  }
}
