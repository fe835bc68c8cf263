import type { Span } from './place.ts'

/** One `name=value` of a connection string, as it is written. */
export interface Segment {
  /** Without the blanks around it. */
  span: Span
  name: string
  nameSpan: Span
  /** With its quotes; `undefined` where there is no `=`. */
  value: string | undefined
  valueSpan: Span
  /** The value opens a quote that is not closed: it reaches to the end of the text. */
  unclosed: boolean
  /** Something stands between the closing quote and the next semicolon. */
  overhang: boolean
}

/** Closing by opening quote. Inside of a value in quotes the closing one is written twice. */
export type Quotes = Readonly<Record<string, string>>

/** Takes `name=value;…` apart at the semicolons outside of quotes. A quote counts only where a value begins with it. */
export function segments(text: string, from: number, quotes: Quotes): Segment[] {
  const found: Segment[] = []
  for (let start = from; start < text.length; ) {
    const segment = segmentAt(text, start, quotes)
    if (segment.span.end > segment.span.start) found.push(segment.segment)
    start = segment.next
  }
  return found
}

function segmentAt(text: string, start: number, quotes: Quotes) {
  const semicolon = indexOrEnd(text, ';', start)
  const equals = text.indexOf('=', start)
  const hasValue = equals >= 0 && equals < semicolon
  const nameSpan = trimmed(text, start, hasValue ? equals : semicolon)
  const name = text.slice(nameSpan.start, nameSpan.end)
  if (!hasValue) {
    const valueSpan = { start: nameSpan.end, end: nameSpan.end }
    const segment = { span: nameSpan, name, nameSpan, value: undefined, valueSpan, unclosed: false, overhang: false }
    return { segment, span: nameSpan, next: semicolon + 1 }
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
  return { segment: { span, name, nameSpan, value, valueSpan, unclosed, overhang }, span, next: end + 1 }
}

function closingQuote(text: string, from: number, quote: string): number | undefined {
  for (let i = text.indexOf(quote, from); i >= 0; i = text.indexOf(quote, i + 2)) {
    if (text[i + 1] !== quote) return i
  }
  return undefined
}

function indexOrEnd(text: string, searched: string, from: number): number {
  const index = text.indexOf(searched, from)
  return index < 0 ? text.length : index
}

function trimmed(text: string, start: number, end: number): Span {
  const part = text.slice(start, end)
  const leading = part.length - part.trimStart().length
  const first = leading === part.length ? start : start + leading
  return { start: first, end: first + part.trim().length }
}
