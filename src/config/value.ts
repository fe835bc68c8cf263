import type { EntraError, EntraErrorCode } from '../errors/entra-error.ts'
import { quoted, type Span } from './place.ts'
import type { Given } from './sign-in-rules.ts'
import type { Format, Source } from './source.ts'

/** Timers overflow past this many ms. */
const MAX_MS = 2 ** 31 - 1

/** A value of a connection string, which knows where it stands. */
export class Value implements Given {
  readonly name: string
  readonly text: string
  readonly #source: Source
  readonly #place: Span

  constructor(source: Source, name: string, text: string, place: Span) {
    this.name = name
    this.text = text
    this.#source = source
    this.#place = place
  }

  get format(): Format {
    return this.#source.format
  }

  readonly refuse = (message: string, code?: EntraErrorCode): EntraError => {
    return this.#source.refuse(this.#place, message, code)
  }

  readonly warn = (message: string): void => {
    this.#source.warnings.push({ message, parameter: this.name })
  }

  /** What is said about a part of the value points at that part. */
  part(name: string, text: string): Value {
    const start = this.#source.text.lastIndexOf(text, this.#place.end - text.length)
    const place = start >= this.#place.start ? { start, end: start + text.length } : this.#place
    return new Value(this.#source, name, text, place)
  }

  /** The error for a value that is not what it must be. Not for secrets. */
  mustBe(wanted: string): EntraError {
    return this.refuse(`The connection string's ${this.name} must be ${wanted}, not ${quoted(this.text)}.`)
  }

  /** `true` or `false`, or `yes` or `no` as in ADO.NET and ODBC. */
  flag(): boolean {
    const lower = this.text.toLowerCase()
    if (lower === 'true' || lower === 'yes') return true
    if (lower === 'false' || lower === 'no') return false
    throw this.mustBe('true or false')
  }

  wholeNumber(least = 0, most = MAX_MS): number {
    const number = /^\d+$/.test(this.text) ? Number(this.text) : Number.NaN
    if (!(number >= least && number <= most)) throw this.mustBe(`a whole number from ${least} to ${most}`)
    return number
  }

  /** What one of some words stands for. They are compared without case and blanks. */
  oneOf<T>(choices: Readonly<Record<string, T>>, wanted = Object.keys(choices).join(' or ')): T {
    const text = this.text.toLowerCase().replace(/\s/g, '')
    const found = Object.entries(choices).find(([word]) => word.toLowerCase() === text)
    if (found === undefined) throw this.mustBe(wanted)
    return found[1]
  }

  /**
   * A duration in ms, from a whole number of `unit`. Warns where the number can only be meant in the other unit: under
   * a second, or as many seconds as `longest` or more.
   */
  duration(unit: 'ms' | 's', longest = Number.POSITIVE_INFINITY): number {
    const number = this.wholeNumber(0, unit === 's' ? Math.floor(MAX_MS / 1000) : MAX_MS)
    if (unit === 'ms' && number > 0 && number < 1000) {
      const other = this.format === 'prisma' ? " Prisma's schema engine reads it in s." : ''
      this.warn(
        `${this.name} is in ms here: ${number} is ${number / 1000} s. Write ${number}000 for ${number} s.${other}`,
      )
    }
    if (unit === 's' && number >= longest) {
      this.warn(
        `${this.name} is in s here: ${number} is ${Math.round(number / 60)} min. Write ${number / 1000} for ${number} ms.`,
      )
    }
    return unit === 's' ? number * 1000 : number
  }
}
