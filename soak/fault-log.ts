import type { FaultKind } from './fault-kinds.ts'

/** A time during which a fault was on, in ms since the epoch. */
export interface FaultSpan {
  kind: FaultKind
  from: number
  /** Infinity while it is on. */
  until: number
}

/** When which fault was on. Forgets what is too long ago to explain anything. */
export class FaultLog {
  readonly #memory: number
  #spans: FaultSpan[] = []

  /** @param memory - in ms */
  constructor(memory: number) {
    this.#memory = memory
  }

  begin(kind: FaultKind, now: number): FaultSpan {
    this.#spans = this.#spans.filter(({ until }) => until >= now - this.#memory)
    const span = { kind, from: now, until: Number.POSITIVE_INFINITY }
    this.#spans.push(span)
    return span
  }

  /** The kinds of faults that were on at some time between the two, both in ms since the epoch. */
  between(from: number, until: number): FaultKind[] {
    return this.#spans.filter((span) => span.from <= until && span.until >= from).map(({ kind }) => kind)
  }

  /** What is on now. */
  get active(): FaultSpan[] {
    return this.#spans.filter(({ until }) => until === Number.POSITIVE_INFINITY)
  }
}
