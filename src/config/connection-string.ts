import type { config as MssqlConfig } from 'mssql'
import { refuseOtherSignIns } from '../credentials/sign-in.ts'
import { EntraError } from '../errors/entra-error.ts'
import { parseAddress, problemOfUrl } from './address.ts'
import { Settings, setServer } from './parameters.ts'
import {
  checkSegments,
  hideSecrets,
  indexOrEnd,
  mayHoldSecret,
  type Segment,
  segmentsOf,
  valueTextOf,
  warnOfUnknown,
} from './segments.ts'
import { type Format, type ParsedConfig, Source, type Span, Value } from './source.ts'

/** mssql's default. */
const DEFAULT_POOL_MAX = 10

/**
 * Reads a connection string: Prisma's `sqlserver://host[\instance][:port];name=value;…`, JDBC's, which is the same
 * after `jdbc:`, or ADO.NET's `Server=…;name=value;…`. Each parameter means what it means in its format: see
 * `docs/connection-strings.md`. An empty value counts as none, as in ADO.NET.
 *
 * @throws {@link EntraError} `CONFIG_INVALID`, which points at the place, with all secrets masked; `CONFIG_CREDENTIALS`
 */
export function parseConnectionString(given: string): ParsedConfig {
  if (KEY_VAULT_REFERENCE.test(given)) throw new EntraError('CONFIG_INVALID', NOT_RESOLVED)
  const text = withoutQuotes(given)
  const { format, start } = formatOf(text)
  const source = new Source(format, text)
  if (text !== given) source.warnings.push({ message: QUOTED, parameter: 'connection string' })
  const settings = new Settings()
  const address = addressOf(format, text, start)
  const segments = segmentsOf(source, address.end)
  const problem = format === 'ado' ? undefined : problemOfUrl(text, address)
  if (problem !== undefined) source.hide(problem.hidden)
  hideSecrets(source, segments)
  if (problem !== undefined) throw source.refuse(problem.place, problem.message)
  if (format !== 'ado') {
    const written = text.slice(address.start, address.end)
    setServer(settings, new Value(source, 'server', written, address), parseAddress(written), ':')
  }
  checkSegments(source, segments)
  for (const segment of segments) {
    const value = new Value(source, segment.name, valueTextOf(source, segment), segment.valueSpan)
    if (segment.parameter === undefined) warnOfUnknown(source, segment)
    else if (value.text !== '') segment.parameter.read(settings, value)
  }
  const config = configOf(source, settings, start)
  refuseOtherSignIns(settings.otherSignIns)
  if (settings.trusted.length > 0) {
    config.options = { ...config.options, cryptoCredentialsDetails: { ca: settings.trusted.join('\n') } }
  }
  const { schema, maxAge, authentication, details } = settings
  return { config, schema, maxAge, authentication, details, warnings: source.warnings }
}

/** What App Service leaves in a variable if it cannot read the secret. */
const KEY_VAULT_REFERENCE = /^\s*["']?@Microsoft\.KeyVault\(/i
const NOT_RESOLVED =
  'The connection string is a reference to Key Vault that was not resolved: @Microsoft.KeyVault(…). The environment ' +
  "variables of the app in the portal show why. The app's identity needs the role Key Vault Secrets User. Outside of " +
  'Azure nothing resolves it.'

const QUOTED =
  'The connection string is within quotes, which are left out here. Remove them: docker --env-file and YAML blocks keep ' +
  'quotes, and other readers of this variable may fail.'

function withoutQuotes(text: string): string {
  return /^\s*(["'])(.*)\1\s*$/s.exec(text)?.[2] ?? text
}

/** Whether a connection string holds a secret, or what seems to be one. */
export function holdsSecret(text: string): boolean {
  return segmentsIn(text).some(mayHoldSecret)
}

/** The same connection string with another database. */
export function withDatabase(text: string, database: string): string {
  const named = segmentsIn(text).find(({ parameter }) => parameter?.names[0] === 'database')
  const { start: from, end: until } = named?.valueSpan ?? { start: text.length, end: text.length }
  return `${text.slice(0, from)}${named === undefined ? ';database=' : ''}{${database}}${text.slice(until)}`
}

function segmentsIn(text: string): Segment[] {
  const { format, start } = formatOf(text)
  return segmentsOf(new Source(format, text), addressOf(format, text, start).end)
}

/** Where the address of a URL is; ADO.NET has none. */
function addressOf(format: Format, text: string, start: number): Span {
  return { start, end: format === 'ado' ? start : indexOrEnd(text, ';', start) }
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

function configOf(source: Source, { config, instance, minPoolSize }: Settings, start: number): MssqlConfig {
  const { server, port, pool } = config
  if (server === undefined) {
    const form = source.format === 'ado' ? 'Server=HOST,1433;Database=…' : 'sqlserver://HOST:1433;database=…'
    throw source.refuse({ start, end: start }, `The connection string names no server: ${form}`)
  }
  if (minPoolSize !== undefined && pool.min !== undefined) {
    if (pool.max !== undefined && pool.min > pool.max) {
      throw minPoolSize.refuse(`${minPoolSize.name} is larger than the maximum size of the pool, ${pool.max}.`)
    }
    pool.max ??= Math.max(pool.min, DEFAULT_POOL_MAX)
  }
  // The port goes before the instance, as in SqlClient and JDBC; mssql has it the other way round.
  return { ...config, server: instance === undefined || port !== undefined ? server : `${server}\\${instance}` }
}
