import type { config as MssqlConfig } from 'mssql'
import { EntraError } from '../errors.ts'

/** A `sqlserver://` string, taken apart. */
export interface ConnectionString {
  config: MssqlConfig
  /** The `schema` parameter. */
  schema: string | undefined
  /** Names of parameters that carry a credential, as they were written. */
  credentialParameters: string[]
}

type Setter = (target: Target, value: string, name: string) => void
interface Target {
  config: MssqlConfig & { options: NonNullable<MssqlConfig['options']>; pool: NonNullable<MssqlConfig['pool']> }
  schema: string | undefined
}

const CREDENTIALS = new Set([
  'authentication',
  'user',
  'username',
  'uid',
  'userid',
  'user id',
  'password',
  'pwd',
  'clientid',
  'clientsecret',
  'tenantid',
  'msiendpoint',
  'msisecret',
])

/** By Prisma's isolation level names, without spaces, to the numbers of MS-TDS 2.2.6.9 (TM_BEGIN_XACT). */
const ISOLATION_LEVELS: Readonly<Record<string, number>> = {
  readuncommitted: 1,
  readcommitted: 2,
  repeatableread: 3,
  serializable: 4,
  snapshot: 5,
}

const connectTimeout: Setter = ({ config }, value, name) => {
  config.connectionTimeout = wholeNumber(value, name)
}
const database: Setter = ({ config }, value) => {
  config.database = value
}
const applicationName: Setter = ({ config }, value) => {
  config.options.appName = value
}

/** Each parameter with the meaning and the unit that `@prisma/adapter-mssql` gives it; names in lower case. */
const PARAMETERS: Readonly<Record<string, Setter>> = {
  database,
  'initial catalog': database,
  applicationname: applicationName,
  'application name': applicationName,
  connectiontimeout: connectTimeout,
  connecttimeout: connectTimeout,
  logintimeout: connectTimeout,
  schema(target, value) {
    target.schema = value
  },
  encrypt({ config }, value, name) {
    config.options.encrypt = value.toLowerCase() === 'strict' ? 'strict' : trueOrFalse(value, name)
  },
  trustservercertificate({ config }, value, name) {
    config.options.trustServerCertificate = trueOrFalse(value, name)
  },
  multisubnetfailover({ config }, value, name) {
    config.options.multiSubnetFailover = trueOrFalse(value, name)
  },
  connectionlimit({ config }, value, name) {
    config.pool.max = wholeNumber(value, name, 1)
  },
  sockettimeout({ config }, value, name) {
    config.requestTimeout = wholeNumber(value, name)
  },
  pooltimeout({ config }, value, name) {
    config.pool.acquireTimeoutMillis = wholeNumber(value, name) * 1000
  },
  isolationlevel({ config }, value, name) {
    const level = ISOLATION_LEVELS[value.toLowerCase().replaceAll(' ', '')]
    if (level === undefined) throw invalid(name, value, 'an isolation level such as "READ COMMITTED"')
    config.options.isolationLevel = level
  },
}

/**
 * Reads Prisma's connection string for SQL Server, `sqlserver://host[:port];name=value;…`, with the meaning that the
 * official adapter gives it. Names are taken in any case; a value in `{…}` may hold anything but `}`. Unknown names
 * are passed over, as the official adapter does.
 *
 * Timeouts, as there: `connectionTimeout`, `connectTimeout`, `loginTimeout` and `socketTimeout` are in ms,
 * `poolTimeout` is in s.
 *
 * @throws {@link EntraError} `CONFIG_INVALID`
 */
export function parseConnectionString(text: string): ConnectionString {
  const { server, port, parameters } = splitConnectionString(text)
  const target: Target = { config: { server, options: {}, pool: {} }, schema: undefined }
  if (port !== undefined) target.config.port = port
  const credentialParameters: string[] = []
  for (const [key, { name, value }] of parameters) {
    if (CREDENTIALS.has(key)) credentialParameters.push(name)
    else PARAMETERS[key]?.(target, value, name)
  }
  return { config: target.config, schema: target.schema, credentialParameters }
}

/** The parts of a connection string, whatever they mean. Parameters by their name in lower case. */
export interface ConnectionStringParts {
  server: string
  port: number | undefined
  parameters: Map<string, { name: string; value: string }>
}

/**
 * Takes a connection string apart.
 *
 * @throws {@link EntraError} `CONFIG_INVALID`
 */
export function splitConnectionString(text: string): ConnectionStringParts {
  const [address = '', ...rest] = split(text.replace(/^sqlserver:\/\//i, ''))
  const [host = '', port] = address.split(':')
  if (host.trim() === '') {
    throw new EntraError('CONFIG_INVALID', 'The connection string names no server: sqlserver://HOST:1433;database=…')
  }
  const parameters: ConnectionStringParts['parameters'] = new Map()
  for (const parameter of rest) {
    if (parameter.trim() === '') continue
    const equals = parameter.indexOf('=')
    const name = (equals < 0 ? parameter : parameter.slice(0, equals)).trim()
    if (equals < 0) throw new EntraError('CONFIG_INVALID', `The connection string has "${name}" without "=".`)
    const key = name.toLowerCase()
    if (parameters.has(key)) {
      throw new EntraError('CONFIG_INVALID', `The connection string has the parameter ${name} twice.`)
    }
    parameters.set(key, { name, value: unquote(parameter.slice(equals + 1)) })
  }
  return {
    server: host.trim(),
    port: port === undefined ? undefined : wholeNumber(port.trim(), 'port', 1, 65535),
    parameters,
  }
}

/** Splits at semicolons, but for those inside a value in braces. */
function split(text: string): string[] {
  const parts: string[] = []
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === ';') {
      parts.push(text.slice(start, i))
      start = i + 1
    } else if (text[i] === '{' && /=\s*$/.test(text.slice(start, i))) {
      const end = text.indexOf('}', i)
      if (end < 0) {
        const name = text.slice(start, text.indexOf('=', start)).trim()
        throw new EntraError('CONFIG_INVALID', `The connection string's ${name} opens a brace that it does not close.`)
      }
      i = end
    }
  }
  parts.push(text.slice(start))
  return parts
}

function unquote(value: string): string {
  const trimmed = value.trim()
  return trimmed.startsWith('{') && trimmed.endsWith('}') ? trimmed.slice(1, -1) : trimmed
}

function trueOrFalse(value: string, name: string): boolean {
  const lower = value.toLowerCase()
  if (lower !== 'true' && lower !== 'false') throw invalid(name, value, 'true or false')
  return lower === 'true'
}

function wholeNumber(value: string, name: string, least = 0, most = 2 ** 31 - 1): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (!(number >= least && number <= most)) throw invalid(name, value, `a whole number from ${least} to ${most}`)
  return number
}

function invalid(name: string, value: string, wanted: string): EntraError {
  return new EntraError('CONFIG_INVALID', `The connection string's ${name} must be ${wanted}, not "${value}".`)
}
