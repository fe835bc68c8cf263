import type { EventLog } from './event-log.ts'

/** Something that must not happen, with what happened before it. */
export interface Incident {
  what: string
  detail: string
  /** ISO 8601. */
  from: string
  until: string
  events: readonly string[]
}

/** So many are kept. */
const KEPT = 10

/** What must not happen and did: the first few, to be shown at the end. */
export class Incidents {
  readonly #events: EventLog
  readonly #before: number
  readonly #kept: Incident[] = []

  /** @param before - how far back the events are kept with an incident, in ms */
  constructor(events: EventLog, before: number) {
    this.#events = events
    this.#before = before
  }

  get kept(): readonly Incident[] {
    return this.#kept
  }

  /** @param from - when it began, in ms since the epoch; it ends now */
  add(what: string, detail: string, from = Date.now()): void {
    if (this.#kept.length === KEPT) return
    this.#kept.push({
      what,
      detail,
      from: new Date(from).toISOString(),
      until: new Date().toISOString(),
      events: this.#events.since(from - this.#before),
    })
  }
}
