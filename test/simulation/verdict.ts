import { minute } from './clock.ts'

/** The kinds of broken promises. */
export type Breach =
  | 'expired token used'
  | 'open after expiry'
  | 'requests in flight'
  | 'storm of token requests'
  | 'storm of logins'
  | 'Retry-After ignored'
  | 'too many connections'
  | 'queued in a pool'
  | 'logins at once'
  | 'cold swap'
  | 'late rotation'
  | 'failed without cause'
  | 'delayed without cause'
  | 'endless wait'
  | 'cut too early'
  | 'transaction on two connections'
  | 'statement run twice'
  | 'retried in a transaction'
  | 'generation not closed'
  | 'left after disconnect'
  | 'unhandled rejection'
  | 'warning'
  | 'livelock'

export interface Violation {
  breach: Breach
  message: string
  /** True time since the story's beginning, in ms. */
  at: number
}

/** Keeps the first promise that was seen broken. */
export class Verdict {
  violation: Violation | undefined
  readonly #elapsed: () => number

  constructor(elapsed: () => number) {
    this.#elapsed = elapsed
  }

  blame(breach: Breach, message: string): void {
    this.violation ??= { breach, message, at: this.#elapsed() }
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
