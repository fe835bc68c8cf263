import { isIPv6 } from 'node:net'
import { EntraError } from '../errors/entra-error.ts'
import type { Span, Value } from './source.ts'

/** SQL Server's own port. */
export const DEFAULT_PORT = 1433

/** The parts of `host[\instance][:port]`. */
export interface Address {
  host: string
  instance: string | undefined
  /** As it is written; not yet a number. */
  port: string | undefined
}

/** Reads `host[\instance][:port]`: the address of Prisma's and JDBC's strings. IPv6 is in brackets. */
export function parseAddress(text: string): Address {
  const {
    host = '',
    instance,
    port,
  } = /^(?<host>\[[^\]]*\]|[^:\\]*)(\\(?<instance>[^:]*))?(:(?<port>.*))?$/s.exec(text)?.groups ?? {}
  return { host: withoutBrackets(host.trim()), instance: instance?.trim(), port: port?.trim() }
}

const NAMED_PIPES = 'Named pipes (np:) are not supported: Entra logins need TCP.'
const PROTOCOLS: Readonly<Record<string, string>> = {
  np: NAMED_PIPES,
  lpc: 'Shared memory (lpc:) is not supported: Entra logins need TCP.',
  admin: 'The dedicated administrator connection (admin:) is not supported.',
}

/** Reads ADO.NET's `[tcp:]host[\instance][,port]`. */
export function parseDataSource(value: Value): Address {
  const [, protocol = 'tcp', rest = ''] = /^(?:(tcp|np|lpc|admin):)?(.*)$/is.exec(value.text.trim()) ?? []
  const comma = rest.lastIndexOf(',')
  const [name = '', instance] = (comma < 0 ? rest : rest.slice(0, comma)).split(/\\(.*)/s)
  const host = name.trim().toLowerCase()
  const problem = PROTOCOLS[protocol.toLowerCase()] ?? (rest.startsWith('\\\\') ? NAMED_PIPES : undefined)
  if (problem !== undefined) throw value.refuse(problem)
  if (host === '(localdb)') throw value.refuse('LocalDB is not supported: it has no Entra logins.')
  return {
    host: ['.', '(local)', '(.)'].includes(host) ? 'localhost' : withoutBrackets(name.trim()),
    instance: instance?.trim(),
    port: comma < 0 ? undefined : rest.slice(comma + 1).trim(),
  }
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/s, '$1')
}

/** What is wrong with a host's name, if anything: the mistakes of people who know another kind of string. */
export function problemOfHost(host: string, portSeparator: ':' | ','): string | undefined {
  if (isIPv6(host) || /^[\p{L}\p{N}._-]+$/u.test(host)) return undefined
  const other = portSeparator === ':' ? ',' : ':'
  if (host.includes(other)) return `Write the port as HOST${portSeparator}1433.`
  if (host.includes('/')) return 'Write the database as ;database=NAME.'
  return 'A host name consists of letters, digits, dots and hyphens.'
}

/** What makes the address of a `sqlserver://` string look like another kind of URL, which may hold a password. */
export function problemOfUrl(text: string, { start, end }: Span) {
  const [beforeEquals = ''] = text.slice(start).split('=', 1)
  if (beforeEquals.includes('@')) {
    const place = { start, end: text.length }
    return {
      place,
      hidden: place,
      message: 'A connection string for SQL Server has no "user:password@" before the host.',
    }
  }
  const { port } = parseAddress(text.slice(start, end))
  if (port === undefined || /^\d+$/.test(port)) return undefined
  const place = { start: text.slice(0, end).lastIndexOf(port), end }
  if (/^\d+\//.test(port) && !text.includes('@')) {
    return { place, hidden: { start: end, end }, message: 'Write the database as ;database=NAME, not /NAME.' }
  }
  return {
    place,
    hidden: text.includes('@', end) ? { start: place.start, end: text.length } : place,
    message: "The connection string's port must be a whole number from 1 to 65535.",
  }
}

/**
 * The one check against sending a token unencrypted: without encryption, a connection must stay on this machine.
 *
 * @param address - the name or IP address that the connection goes to
 * @throws {@link EntraError} `CONFIG_PLAINTEXT`
 */
export function refusePlaintext(host: string, encrypt: boolean | string | undefined, address = host): void {
  if (encrypt !== false || isLoopback(address)) return
  throw new EntraError(
    'CONFIG_PLAINTEXT',
    `encrypt is false for ${host}, so the token would cross the network in the clear. Remove it (encryption is the ` +
      'default). If the certificate cannot be verified, use trustServerCertificate.',
  )
}

/** Whether an address is this machine's own. */
export function isLoopback(address: string): boolean {
  const name = withoutBrackets(address.replace(/\\.*$/, '').toLowerCase())
  return name === 'localhost' || name === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(name)
}
