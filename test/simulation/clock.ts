import type { Clock, Timer } from '../../src/time/clock.ts'

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute

/** When every scenario begins, in ms since the epoch. */
export const EPOCH = Date.UTC(2026, 0, 1)

interface Entry {
  at: number
  order: number
  callback: (() => void) | undefined
  ofProduct: boolean
}

/**
 * Virtual time. Three clocks that can diverge:
 * - timers run on the monotonic one, which stands still while the machine is suspended;
 * - the true one is the server's and the authority's;
 * - the local one is what the code under test sees: it may be wrong, and can be set.
 */
export class SimClock {
  /** Events so far. */
  steps = 0
  readonly #heap: Entry[] = []
  #monotonic = 0
  #order = 0
  #productTimers = 0
  #suspended = 0
  #frozen = 0
  #skew = 0

  /** The clock of the code under test. */
  readonly local: Clock = new LocalClock(this)

  /** The true time, in ms since the epoch. */
  get now(): number {
    return EPOCH + this.#monotonic + this.#suspended
  }

  get monotonic(): number {
    return this.#monotonic
  }

  get localNow(): number {
    return Math.floor(this.now + this.#skew)
  }

  /** How far the local clock is ahead of the true one, in ms. */
  get skew(): number {
    return this.#skew
  }

  /** How long the process has been running, in ms: freezes do not count. */
  get awake(): number {
    return this.#monotonic - this.#frozen
  }

  /** Timers of the code under test that are set. */
  get productTimers(): number {
    return this.#productTimers
  }

  /** When the next timer is due by the true clock, if the machine stays awake. */
  get nextAt(): number {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.callback !== undefined) return Math.max(EPOCH + top.at + this.#suspended, this.now)
      this.#pop()
    }
    return Number.POSITIVE_INFINITY
  }

  /** Sets a timer of the model: of the network, a server, a user. */
  after(delay: number, callback: () => void): Timer {
    return this.set(delay, callback, false)
  }

  sleep(delay: number): Promise<void> {
    return new Promise((resolve) => this.set(delay, resolve, false))
  }

  /** Advances to the next timer and runs it. */
  fireNext(): void {
    const entry = this.#pop()
    const callback = entry?.callback
    if (entry === undefined || callback === undefined) return
    this.#monotonic = Math.max(this.#monotonic, entry.at)
    entry.callback = undefined
    if (entry.ofProduct) this.#productTimers--
    callback()
  }

  /** Advances to a true time before which no timer is due. */
  advanceTo(time: number): void {
    this.#monotonic = Math.max(this.#monotonic, time - EPOCH - this.#suspended)
  }

  /** Freezes the process (SIGSTOP, a frozen function): timers come due meanwhile, and run when it continues. */
  freeze(duration: number): void {
    this.#monotonic += duration
    this.#frozen += duration
  }

  /** Suspends the machine: timers do not come closer. */
  suspend(duration: number): void {
    this.#suspended += duration
  }

  /** Sets the local clock. */
  setLocal(skew: number): void {
    this.#skew = skew
  }

  /** @param ofProduct - whether it is the code under test that waits */
  set(delay: number, callback: () => void, ofProduct: boolean): Timer {
    const entry: Entry = { at: this.#monotonic + delay, order: this.#order++, callback, ofProduct }
    this.#push(entry)
    if (ofProduct) this.#productTimers++
    return {
      cancel: () => {
        if (entry.callback === undefined) return
        entry.callback = undefined
        if (ofProduct) this.#productTimers--
      },
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let index = heap.length
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex]
      if (parent === undefined || before(parent, entry)) break
      heap[index] = parent
      index = parentIndex
    }
    heap[index] = entry
  }

  #pop(): Entry | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return top
    let index = 0
    for (;;) {
      let childIndex = 2 * index + 1
      let child = heap[childIndex]
      const right = heap[childIndex + 1]
      if (child !== undefined && right !== undefined && before(right, child)) {
        child = right
        childIndex++
      }
      if (child === undefined || before(last, child)) break
      heap[index] = child
      index = childIndex
    }
    heap[index] = last
    return top
  }
}

/** The time as the code under test sees it. */
export class LocalClock implements Clock {
  readonly #clock: SimClock

  constructor(clock: SimClock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.localNow
  }

  monotonic(): number {
    return this.#clock.monotonic
  }

  /** As in Node: whole milliseconds, at least one. */
  setTimer(delay: number, callback: () => void): Timer {
    return this.#clock.set(Math.max(Math.trunc(delay), 1), callback, true)
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/** Lets every promise settle that can. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A duration as hours:minutes:seconds.milliseconds. */
export function elapsed(ms: number): string {
  const pad = (value: number, digits: number) => String(Math.floor(value)).padStart(digits, '0')
  return `${pad(ms / hour, 2)}:${pad((ms % hour) / minute, 2)}:${pad((ms % minute) / second, 2)}.${pad(ms % second, 3)}`
}
