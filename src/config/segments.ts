import { didYouMean, isShowable, MASK } from '../errors/wording.ts'
import { keyOf, PARAMETER_NAMES, type Parameter, parameterOf } from './parameters.ts'
import type { Format, Source, Span } from './source.ts'

/** One `name=value` of a connection string. */
export interface Segment {
  /** Without the spaces around it. */
  span: Span
  name: string
  nameSpan: Span
  /** With its quotes; `undefined` without `=`. */
  value: string | undefined
  valueSpan: Span
  /** The value opens a quote that is not closed: it reaches to the end of the text. */
  unclosed: boolean
  /** Something follows the closing quote before the next semicolon. */
  overhang: boolean
  parameter: Parameter | undefined
  /** If the name is unknown: the secret before it, of which it may be the rest, after a bare semicolon. */
  afterSecret: string | undefined
  /** Whether its name may be shown. */
  named: boolean
}

/** Closing by opening quote. Inside a quoted value the closing one is doubled. ADO.NET's include ODBC's braces. */
const QUOTES: Readonly<Record<Format, Readonly<Record<string, string>>>> = {
  prisma: { '{': '}' },
  jdbc: { '{': '}' },
  ado: { '{': '}', '"': '"', "'": "'" },
}

/**
 * Splits `name=value;…` at the semicolons outside of quotes, and looks the names up. A quote counts only at the
 * beginning of a value.
 *
 * By hand, because `parse` of `@tediousjs/connection-string` gives no positions: no error could point at one, and no secret
 * be masked. It also misses duplicates, and parts without `=`.
 */
export function segmentsOf({ text, format }: Source, from: number): Segment[] {
  const found: Segment[] = []
  let secret: string | undefined
  for (let start = from; start < text.length; ) {
    const { next, ...split } = splitAt(text, start, QUOTES[format])
    start = next
    if (split.span.end === split.span.start) continue
    const parameter = parameterOf(split.name)
    const afterSecret = parameter === undefined ? secret : undefined
    const named = parameter !== undefined || (afterSecret === undefined && couldBeName(split))
    const segment = { ...split, parameter, afterSecret, named }
    if (named && mayHoldSecret(segment)) secret = segment.name
    else if (parameter !== undefined) secret = undefined
    found.push(segment)
  }
  return found
}

function splitAt(text: string, start: number, quotes: Readonly<Record<string, string>>) {
  const semicolon = indexOrEnd(text, ';', start)
  const equals = text.indexOf('=', start)
  const hasValue = equals >= 0 && equals < semicolon
  const nameSpan = trimmed(text, start, hasValue ? equals : semicolon)
  const name = text.slice(nameSpan.start, nameSpan.end)
  if (!hasValue) {
    const valueSpan = { start: nameSpan.end, end: nameSpan.end }
    const next = semicolon + 1
    return { span: nameSpan, name, nameSpan, value: undefined, valueSpan, unclosed: false, overhang: false, next }
  }
  const opening = equals + 1 + text.slice(equals + 1).search(/\S|$/)
  const quote = quotes[text[opening] ?? '']
  const closing = quote === undefined ? opening : closingQuote(text, opening + 1, quote)
  const unclosed = closing === undefined
  const end = unclosed ? text.length : indexOrEnd(text, ';', closing)
  const valueSpan = trimmed(text, opening, end)
  const span = { start: nameSpan.start, end: Math.max(valueSpan.end, equals + 1) }
  const overhang = quote !== undefined && !unclosed && closing + 1 < valueSpan.end
  const value = text.slice(valueSpan.start, valueSpan.end)
  return { span, name, nameSpan, value, valueSpan, unclosed, overhang, next: end + 1 }
}

function closingQuote(text: string, from: number, quote: string): number | undefined {
  for (let i = text.indexOf(quote, from); i >= 0; i = text.indexOf(quote, i + 2)) {
    if (text[i + 1] !== quote) return i
  }
  return undefined
}

/** Where `searched` is, or the end of the text. */
export function indexOrEnd(text: string, searched: string, from: number): number {
  const index = text.indexOf(searched, from)
  return index < 0 ? text.length : index
}

function trimmed(text: string, start: number, end: number): Span {
  const part = text.slice(start, end)
  const leading = part.length - part.trimStart().length
  const first = leading === part.length ? start : start + leading
  return { start: first, end: first + part.trim().length }
}

/** The value without its quotes. */
export function valueTextOf(source: Source, { value = '', valueSpan }: Segment): string {
  if (source.format === 'ado' && value.startsWith('=')) {
    throw source.refuse(valueSpan, 'A value that begins with "=" must be in quotes.')
  }
  const quote = QUOTES[source.format][value[0] ?? '']
  return quote === undefined ? value : value.slice(1, -1).replaceAll(quote + quote, quote)
}

/** Whether a value is a secret, seems to be one, or may have swallowed one because a closing quote is missing. */
export function mayHoldSecret({ name, value = '', unclosed, overhang, parameter }: Segment): boolean {
  if (unclosed || overhang || !isShowable(value)) return true
  return parameter === undefined ? /pass?w|pwd|secret|key|token/i.test(name) : parameter.secret === true
}

/** Whether an unknown name really is one, and not a piece of a password without quotes. */
function couldBeName({ name, value }: Pick<Segment, 'name' | 'value'>): boolean {
  return value !== undefined && /^\p{L}[\p{L} _.-]{0,40}$/u.test(name)
}

/** Keeps what is secret, or may be, out of messages. */
export function hideSecrets(source: Source, segments: readonly Segment[]): void {
  for (const segment of segments) {
    const { span, named, parameter, unclosed, overhang, valueSpan, nameSpan } = segment
    if (!named) source.hide({ start: nameSpan.start, end: span.end })
    else if (unclosed || overhang) source.hide({ start: valueSpan.start + 1, end: valueSpan.end })
    else if (parameter === undefined || parameter.ignored || mayHoldSecret(segment)) source.hide(valueSpan)
  }
}

/**
 * Refuses what is not `name=value`, and duplicates.
 *
 * @throws EntraError `CONFIG_INVALID`
 */
export function checkSegments(source: Source, segments: readonly Segment[]): void {
  const before = new Map<string, Segment>()
  for (const segment of segments) {
    checkForm(source, segment)
    const { name, named, parameter, nameSpan } = segment
    const key = keyOf(parameter?.names[0] ?? name)
    const other = before.get(key)
    if (other !== undefined && named) {
      const isSynonym = keyOf(other.name) !== keyOf(name)
      const what = isSynonym ? `the same parameter as ${other.name} and as ${name}` : `the parameter ${name} twice`
      throw source.refuse(nameSpan, `The connection string has ${what}.`)
    }
    before.set(key, segment)
  }
}

function checkForm(source: Source, segment: Segment): void {
  const { name, named, value, valueSpan, span } = segment
  const whose = named ? `The connection string's ${name}` : 'A value of the connection string'
  const quote = value?.startsWith('{') ? 'brace' : 'quote'
  if (value === undefined) {
    const what = named ? `"${name}"` : 'a part'
    throw source.refuse(span, `The connection string has ${what} without "=".${remedyFor(source, segment)}`)
  }
  if (name === '') {
    throw source.refuse(span, `The connection string has a value without a name.${remedyFor(source, segment)}`)
  }
  if (segment.unclosed) {
    const opening = { start: valueSpan.start, end: valueSpan.start + 1 }
    throw source.refuse(opening, `${whose} opens a ${quote} that it does not close.`)
  }
  if (segment.overhang) throw source.refuse(valueSpan, `${whose} goes on after its closing ${quote}.`)
}

/** The remark on an unknown name. */
export function warnOfUnknown(source: Source, segment: Segment): void {
  const { name, named } = segment
  const hint = didYouMean(name, PARAMETER_NAMES)
  const what = named ? `'s ${name} is not known and` : ' has a parameter that is not known and'
  const message = `The connection string${what} has no effect.${hint === undefined ? '' : ` ${hint}`}`
  source.warnings.push({ message: message + remedyFor(source, segment), parameter: named ? name : MASK })
}

function remedyFor({ format }: Source, { afterSecret }: Segment): string {
  if (afterSecret === undefined) return ''
  return ` If it belongs to ${afterSecret}, put the whole value in ${format === 'ado' ? 'quotes' : 'braces'}.`
}
