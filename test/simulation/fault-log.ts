/** What is at fault. `process`: a freeze or an unusable clock; a number: a database. */
export type Side = 'credential' | 'process' | number

interface LoggedFault {
  side: Side
  from: number
  until: number
}

/** When a fault was injected, or is still felt. Times are true time, in ms. */
export class FaultLog {
  readonly #list: LoggedFault[] = []
  readonly #last = new Map<Side, LoggedFault>()

  /** Adds a fault. If it continues the last one of its side, the two become one. */
  add(side: Side, from: number, until: number): void {
    const last = this.#last.get(side)
    if (last !== undefined && from >= last.from && from <= last.until) {
      last.until = Math.max(last.until, until)
      return
    }
    const fault = { side, from, until }
    this.#list.push(fault)
    this.#last.set(side, fault)
  }

  /** Whether one of these sides had a fault in the span. */
  any(sides: readonly Side[], from: number, until: number): boolean {
    return this.#list.some((fault) => isWithin(fault, sides, from, until))
  }

  /** The longest part of the span without a fault of these sides, in ms. */
  longestSpanWithoutFault(sides: readonly Side[], from: number, until: number): number {
    let longest = 0
    let goodSince = from
    const within = this.#list.filter((fault) => isWithin(fault, sides, from, until))
    for (const fault of within.sort((a, b) => a.from - b.from)) {
      longest = Math.max(longest, fault.from - goodSince)
      goodSince = Math.max(goodSince, fault.until)
    }
    return Math.max(longest, until - goodSince)
  }
}

function isWithin(fault: LoggedFault, sides: readonly Side[], from: number, until: number): boolean {
  return fault.from <= until && fault.until >= from && sides.includes(fault.side)
}
