import { parse } from '@tediousjs/connection-string'
import type { config as MssqlConfig } from 'mssql'
import { EntraError } from '../errors/entra-error.ts'
import { checkParts, hideSecrets, type Part, partsOf, warnOfUnknown } from './parts.ts'
import { type Quotes, segments } from './segments.ts'
import { type ConfigWarning, type Format, Source } from './source.ts'
import { Target } from './target.ts'
import { addressSpan, hideInAddress, readUrlAddress } from './url-address.ts'
import { Value } from './value.ts'
import { warnOf } from './without-effect.ts'

const BRACES: Quotes = { '{': '}' }

const QUOTES: Readonly<Record<Format, Quotes>> = {
  prisma: BRACES,
  jdbc: BRACES,
  // ODBC's braces too.
  ado: { ...BRACES, '"': '"', "'": "'" },
}

/** A connection string, taken apart. */
export interface ConnectionString {
  config: MssqlConfig
  /** What is not a part of mssql's config. */
  target: Target
  warnings: ConfigWarning[]
}

/** As mssql has it. */
const DEFAULT_POOL_MAX = 10

/**
 * Reads a connection string: Prisma's `sqlserver://host[\instance][:port];name=value;…`, JDBC's, which is the same
 * after `jdbc:`, or ADO.NET's `Server=…;name=value;…`. Each parameter means what it means in its format: see
 * `docs/connection-strings.md`. An empty value is as none, as in ADO.NET.
 *
 * @throws {@link EntraError} `CONFIG_INVALID`; it points at the place, with all secrets masked
 */
export function parseConnectionString(text: string): ConnectionString {
  const { format, start } = formatOf(text)
  const source = new Source(format, text)
  const target = new Target()
  const address = format === 'ado' ? undefined : addressSpan(text, start)
  const parts = partsOf(segments(text, address?.end ?? start, QUOTES[format]))
  if (address !== undefined) hideInAddress(source, address)
  hideSecrets(source, parts)
  if (address !== undefined) readUrlAddress(source, target, address)
  checkParts(source, parts)
  for (const part of parts) readPart(source, target, part)
  return { config: configOf(source, target, start), target, warnings: source.warnings }
}

function formatOf(text: string): { format: Format; start: number } {
  const [scheme] = /^\s*(?:jdbc:)?[a-z][a-z0-9+.-]{0,30}:\/\//i.exec(text) ?? []
  if (scheme === undefined) {
    const [first = ''] = text.split(';', 1)
    return { format: first.includes('=') ? 'ado' : 'prisma', start: 0 }
  }
  const name = scheme.trim().toLowerCase()
  if (name === 'sqlserver://') return { format: 'prisma', start: scheme.length }
  if (name === 'jdbc:sqlserver://') return { format: 'jdbc', start: scheme.length }
  throw new EntraError('CONFIG_INVALID', `A connection string begins with sqlserver://, not with ${name}`)
}

function readPart(source: Source, target: Target, part: Part): void {
  const value = new Value(source, part.name, textOf(source, part), part.valueSpan)
  if (part.parameter === undefined && part.withoutEffect === undefined) warnOfUnknown(source, part)
  if (value.text === '') return
  part.parameter?.read(target, value)
  if (part.withoutEffect !== undefined) warnOf(part.withoutEffect, value)
}

/** The value without its quotes. */
function textOf(source: Source, { value = '', valueSpan }: Part): string {
  if (source.format !== 'ado') return value.startsWith('{') ? value.slice(1, -1).replaceAll('}}', '}') : value
  if (value.startsWith('=')) throw source.refuse(valueSpan, 'A value that begins with "=" must be in quotes.')
  // The library is given one value at a time: of a whole string it tells neither places nor what is there twice, passes
  // over what has no "=", and takes "a=;b=c" for one value.
  const [text = ''] = parse(`value=${value}`).values()
  return text
}

function configOf(source: Source, { config, instance, minPoolSize }: Target, start: number): MssqlConfig {
  const { server, port, pool } = config
  if (server === undefined) {
    const form = source.format === 'ado' ? 'Server=HOST,1433;Database=…' : 'sqlserver://HOST:1433;database=…'
    throw source.refuse({ start, end: start }, `The connection string names no server: ${form}`)
  }
  if (minPoolSize !== undefined && pool.min !== undefined) {
    if (pool.max !== undefined && pool.min > pool.max) {
      throw minPoolSize.refuse(`${minPoolSize.name} is more than the largest size of the pool, ${pool.max}.`)
    }
    pool.max ??= Math.max(pool.min, DEFAULT_POOL_MAX)
  }
  // The port goes before the instance, as in SqlClient and JDBC; mssql has it the other way round.
  return { ...config, server: instance === undefined || port !== undefined ? server : `${server}\\${instance}` }
}
