import { type Clock, systemClock, type Timer } from '../../src/time/clock.ts'

interface Pending {
  /** By the monotonic clock. */
  dueAt: number
  order: number
  callback: () => void
  timer: Timer
}

/** The machine's clock, but a test may let time pass at once, or set the wall clock. */
export class MovableClock implements Clock {
  #passed = 0
  #set: number
  #order = 0
  readonly #pending = new Set<Pending>()

  /** @param now - what time it is, in ms since the epoch. @defaultValue the machine's */
  constructor(now = systemClock.now()) {
    this.#set = now - systemClock.now()
  }

  now(): number {
    return systemClock.now() + this.#passed + this.#set
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#passed
  }

  setTimer(delay: number, callback: () => void): Timer {
    const pending: Pending = {
      dueAt: this.monotonic() + delay,
      order: this.#order++,
      callback: () => {
        this.#pending.delete(pending)
        callback()
      },
      timer: systemClock.setTimer(delay, () => pending.callback()),
    }
    this.#pending.add(pending)
    return {
      cancel: () => {
        this.#pending.delete(pending)
        pending.timer.cancel()
      },
    }
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#pending.size
  }

  /** Lets `ms` pass at once, as though the process had run all the while: what came due meanwhile runs in its order. */
  pass(ms: number): void {
    this.#passed += ms
    const inOrder = [...this.#pending].sort((a, b) => a.dueAt - b.dueAt || a.order - b.order)
    for (const pending of inOrder) {
      pending.timer.cancel()
      pending.timer = systemClock.setTimer(pending.dueAt - this.monotonic(), pending.callback)
    }
  }

  /** Sets the wall clock by this many ms, ahead or back. Neither timers nor the monotonic clock notice. */
  set(ms: number): void {
    this.#set += ms
  }
}
