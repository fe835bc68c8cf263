import { parseAddress } from './address.ts'
import type { Span } from './place.ts'
import type { Source } from './source.ts'
import { readAddress, type Target } from './target.ts'
import { Value } from './value.ts'

/** Where the `host[\instance][:port]` after `sqlserver://` stands. */
export function addressSpan(text: string, start: number): Span {
  const semicolon = text.indexOf(';', start)
  return { start, end: semicolon < 0 ? text.length : semicolon }
}

/** Keeps from being shown what may be a password: what is before an `@`, or no number where a port is expected. */
export function hideInAddress(source: Source, address: Span): void {
  const { text } = source
  const port = badPort(text, address)
  if (hasUserInfo(text, address)) source.hide({ start: address.start, end: text.length })
  else if (port !== undefined)
    source.hide(text.includes('@', port.end) ? { start: port.start, end: text.length } : port)
}

export function readUrlAddress(source: Source, target: Target, address: Span): void {
  const { text } = source
  if (hasUserInfo(text, address)) {
    const rest = { start: address.start, end: text.length }
    throw source.refuse(rest, 'A connection string for SQL Server has no "user:password@" before the host.')
  }
  const port = badPort(text, address)
  if (port !== undefined) {
    throw source.refuse(port, "The connection string's port must be a whole number from 1 to 65535.")
  }
  const written = text.slice(address.start, address.end)
  readAddress(target, new Value(source, 'server', written, address), parseAddress(written), ':')
}

/** Whether this is a URL of another kind: there is an `@` before the first parameter's value. */
function hasUserInfo(text: string, { start }: Span): boolean {
  const [beforeEquals = ''] = text.slice(start).split('=', 1)
  return beforeEquals.includes('@')
}

/** The place of a port that is no number. */
function badPort(text: string, { start, end }: Span): Span | undefined {
  const { port } = parseAddress(text.slice(start, end))
  if (port === undefined || /^\d+$/.test(port)) return undefined
  return { start: text.slice(0, end).lastIndexOf(port), end }
}
