import type { AdapterEvent } from '../src/index.ts'

/** The last things that happened, as text: to be looked at when something went wrong. */
export class EventLog {
  readonly #size: number
  readonly #entries: { at: number; text: string }[] = []

  /** @param size - how many are kept */
  constructor(size: number) {
    this.#size = size
  }

  /** @param at - in ms since the epoch */
  add(at: number, text: string): void {
    this.#entries.push({ at, text })
    if (this.#entries.length > this.#size) this.#entries.shift()
  }

  addEvent({ type, at, ...fields }: AdapterEvent): void {
    const shown = Object.entries(fields).map(([name, value]) => `${name} ${textOf(name, value, at)}`)
    this.add(at, [type, shown.join(', ')].join(': '))
  }

  /** What there is from this time on, oldest first, a line each. In ms since the epoch. */
  since(from: number): string[] {
    const late = this.#entries.filter(({ at }) => at >= from)
    return late.map(({ at, text }) => `${new Date(at).toISOString().slice(11, 23)} ${text}`)
  }
}

function textOf(name: string, value: unknown, at: number): string {
  if (value instanceof Error) return value.message
  if (typeof value !== 'number') return String(value)
  const isTime = name === 'expiresOn' || name === 'refreshAfter'
  return isTime ? `in ${Math.round(value - at)} ms` : String(Math.round(value))
}
