/** Whose trouble: `process` stands for a freeze or a clock that cannot be worked with; a number is a database's. */
export type Side = 'credential' | 'process' | number

interface Trouble {
  side: Side
  from: number
  until: number
}

/** When something was wrong that is not the fault of the code under test. All times are true ones, in ms. */
export class Troubles {
  readonly #list: Trouble[] = []
  readonly #last = new Map<Side, Trouble>()

  /** Notes a trouble; one that goes on from the last that was noted of its side becomes one with it. */
  add(side: Side, from: number, until: number): void {
    const last = this.#last.get(side)
    if (last !== undefined && from >= last.from && from <= last.until) {
      last.until = Math.max(last.until, until)
      return
    }
    const trouble = { side, from, until }
    this.#list.push(trouble)
    this.#last.set(side, trouble)
  }

  /** Whether one of these sides had trouble at some time of the span. */
  any(sides: readonly Side[], from: number, until: number): boolean {
    return this.#list.some((trouble) => isWithin(trouble, sides, from, until))
  }

  /** The longest part of the span in which none of these sides had trouble, in ms. */
  longestGoodSpan(sides: readonly Side[], from: number, until: number): number {
    let longest = 0
    let goodSince = from
    const within = this.#list.filter((trouble) => isWithin(trouble, sides, from, until))
    for (const trouble of within.sort((a, b) => a.from - b.from)) {
      longest = Math.max(longest, trouble.from - goodSince)
      goodSince = Math.max(goodSince, trouble.until)
    }
    return Math.max(longest, until - goodSince)
  }
}

function isWithin(trouble: Trouble, sides: readonly Side[], from: number, until: number): boolean {
  return trouble.from <= until && trouble.until >= from && sides.includes(trouble.side)
}
