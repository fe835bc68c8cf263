import type { config as MssqlConfig } from 'mssql'
import type { Given, GivenDetails } from '../credentials/sign-in.ts'
import { EntraError, type EntraErrorCode } from '../errors/entra-error.ts'
import { MASK, quoted } from '../errors/wording.ts'
import { MAX_DELAY } from '../time/clock.ts'

/** Something in a config that is accepted, but probably not what you meant. */
export interface ConfigWarning {
  message: string
  /** The parameter's name as it was written; `***` if it may be part of a secret. */
  parameter: string
}

/** What a connection string or a config object says, before anyone asks what it means for signing in. */
export interface ParsedConfig {
  /** A copy, without anything that signs in. */
  config: MssqlConfig
  /** The database schema of the models. */
  schema?: string | undefined
  /** How old a connection may get, in ms. */
  maxAge?: number | undefined
  authentication: Given | undefined
  details: GivenDetails
  warnings: ConfigWarning[]
}

/** A part of a text: from `start` up to, not including, `end`. */
export interface Span {
  start: number
  end: number
}

/** Prisma's `sqlserver://…`, JDBC's `jdbc:sqlserver://…`, and ADO.NET's `Server=…;…`. */
export type Format = 'prisma' | 'jdbc' | 'ado'

/** A connection string that is being read. Messages about a place in it show that place, with the secrets masked. */
export class Source {
  readonly format: Format
  readonly text: string
  readonly warnings: ConfigWarning[] = []
  readonly #hidden: Span[] = []

  constructor(format: Format, text: string) {
    this.format = format
    this.text = text
  }

  /** Never shows this part. Call it in the order of the text. */
  hide(span: Span): void {
    const covered = this.#hidden.at(-1)?.end ?? 0
    if (span.end > covered && span.end > span.start) this.#hidden.push(span)
  }

  refuse(place: Span, message: string, code: EntraErrorCode = 'CONFIG_INVALID'): EntraError {
    return new EntraError(code, `${message}\n${pointAt(this.text, place, this.#hidden)}`)
  }
}

/** The width of an excerpt, in characters. */
const WIDTH = 100

/**
 * Shows the text on one line with carets under a place; of a long text, a window.
 *
 * @param hidden - spans that hold secrets, in order and apart from each other; each is shown as `***`
 */
export function pointAt(text: string, place: Span, hidden: readonly Span[]): string {
  let shown = ''
  let at = 0
  const moved = { ...place }
  for (const { start, end } of hidden) {
    shown += text.slice(at, start) + MASK
    const shift = MASK.length - (end - start)
    if (place.start >= end) moved.start += shift
    else if (place.start > start) moved.start = shown.length - MASK.length
    if (place.end >= end) moved.end += shift
    else if (place.end > start) moved.end = shown.length
    at = end
  }
  // One column for one character keeps the carets under what they point at.
  const line = (shown + text.slice(at)).replace(/\p{Cc}/gu, ' ')
  const from = Math.max(0, Math.min(moved.start - WIDTH / 2, line.length - WIDTH))
  const before = from > 0 ? '…' : ''
  const after = from + WIDTH < line.length ? '…' : ''
  const carets = Math.max(1, Math.min(moved.end, from + WIDTH) - moved.start)
  return [
    `  ${before}${line.slice(from, from + WIDTH)}${after}`,
    `  ${' '.repeat(before.length + moved.start - from)}${'^'.repeat(carets)}`,
  ].join('\n')
}

/** A value of a connection string, which knows its place. */
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

  /** A part of the value. Messages about it point at that part. */
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
    return this.oneOf({ true: true, yes: true, false: false, no: false }, 'true or false')
  }

  wholeNumber(least = 0, most = MAX_DELAY): number {
    const number = /^\d+$/.test(this.text) ? Number(this.text) : Number.NaN
    if (!(number >= least && number <= most)) throw this.mustBe(`a whole number from ${least} to ${most}`)
    return number
  }

  /** What one of some words stands for. Case and spaces do not matter. */
  oneOf<T>(choices: Readonly<Record<string, T>>, wanted = Object.keys(choices).join(' or ')): T {
    const text = this.text.toLowerCase().replace(/\s/g, '')
    const found = Object.entries(choices).find(([word]) => word.toLowerCase() === text)
    if (found === undefined) throw this.mustBe(wanted)
    return found[1]
  }

  /**
   * A duration in ms, from a whole number of `unit`. Warns if the number can only be meant in the other unit: less than
   * a second, or `longest` seconds or more.
   */
  duration(unit: 'ms' | 's', longest = Number.POSITIVE_INFINITY): number {
    const number = this.wholeNumber(0, unit === 's' ? Math.floor(MAX_DELAY / 1000) : MAX_DELAY)
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
