import { minute } from './clock.ts'

/** The invariants, by how they are violated. */
export type Breach =
  | 'expired token used'
  | 'open after expiry'
  | 'requests in flight'
  | 'storm of token requests'
  | 'unneeded token request'
  | 'Retry-After ignored'
  | 'storm of logins'
  | 'logins at once'
  | 'too many connections'
  | 'fewer than the minimum'
  | 'closed before its replacement'
  | 'late rotation'
  | 'rotated for another client'
  | 'not validated'
  | 'lent in a transaction'
  | 'wrong isolation level'
  | 'idle while work waits'
  | 'idle costs'
  | 'out of turn'
  | 'failed without cause'
  | 'wrong error'
  | 'delayed without cause'
  | 'endless wait'
  | 'cut too early'
  | 'transaction on two connections'
  | 'statement run twice'
  | 'retried in a transaction'
  | 'left after disconnect'
  | 'unhandled rejection'
  | 'warning'
  | 'livelock'

export interface Violation {
  breach: Breach
  message: string
  /** True time since the scenario's beginning, in ms. */
  at: number
}

/** Keeps the first violation of an invariant. */
export class Violations {
  first: Violation | undefined
  readonly #elapsed: () => number

  constructor(elapsed: () => number) {
    this.#elapsed = elapsed
  }

  report(breach: Breach, message: string): void {
    this.first ??= { breach, message, at: this.#elapsed() }
  }
}

/** Counts what happens within a time. */
export class Rate {
  readonly #window: number
  readonly #times: number[] = []

  /** @param window - in ms */
  constructor(window = minute) {
    this.#window = window
  }

  add(now: number): void {
    this.#times.push(now)
  }

  /** How many there were in the window that ends now. */
  count(now: number): number {
    const times = this.#times
    while ((times[0] ?? now) < now - this.#window) times.shift()
    return times.length
  }
}
