import { isIPv6 } from 'node:net'

/** Where a server is: `host[\instance][:port]`, taken apart. */
export interface Address {
  host: string
  instance: string | undefined
  /** As it is written; not yet a number. */
  port: string | undefined
}

/** Takes `host[\instance][:port]` apart: the address of Prisma's and JDBC's strings. IPv6 stands in brackets. */
export function parseAddress(text: string): Address {
  const {
    host = '',
    instance,
    port,
  } = /^(?<host>\[[^\]]*\]|[^:\\]*)(\\(?<instance>[^:]*))?(:(?<port>.*))?$/s.exec(text)?.groups ?? {}
  return { host: withoutBrackets(host.trim()), instance: instance?.trim(), port: port?.trim() }
}

const PROTOCOLS: Readonly<Record<string, string>> = {
  np: 'Named pipes (np:) are not served: Entra logins need TCP.',
  lpc: 'Shared memory (lpc:) is not served: Entra logins need TCP.',
  admin: 'The dedicated administrator connection (admin:) is not served.',
}

/**
 * Takes ADO.NET's `[tcp:]host[\instance][,port]` apart.
 *
 * @returns a reason, as a string, where it cannot be served
 */
export function parseDataSource(text: string): Address | string {
  const [, protocol = 'tcp', rest = ''] = /^(?:(tcp|np|lpc|admin):)?(.*)$/is.exec(text.trim()) ?? []
  const reason = PROTOCOLS[protocol.toLowerCase()]
  if (reason !== undefined) return reason
  if (rest.startsWith('\\\\')) return PROTOCOLS.np ?? ''
  const comma = rest.lastIndexOf(',')
  const [name = '', instance] = (comma < 0 ? rest : rest.slice(0, comma)).split(/\\(.*)/s)
  if (name.trim().toLowerCase() === '(localdb)') return 'LocalDB is not served: it takes no Entra logins.'
  return {
    host: localhostOr(name.trim()),
    instance: instance?.trim(),
    port: comma < 0 ? undefined : rest.slice(comma + 1).trim(),
  }
}

function localhostOr(host: string): string {
  return ['.', '(local)', '(.)'].includes(host.toLowerCase()) ? 'localhost' : withoutBrackets(host)
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/s, '$1')
}

/** What is wrong with a host's name, if anything: the mistakes of those who know another kind of string. */
export function problemOfHost(host: string, portSeparator: ':' | ','): string | undefined {
  if (isIPv6(host) || /^[\p{L}\p{N}._-]+$/u.test(host)) return undefined
  const other = portSeparator === ':' ? ',' : ':'
  if (host.includes(other)) return `A port is written HOST${portSeparator}1433 here.`
  if (host.includes('/')) return 'A database is written ;database=NAME.'
  return 'A host has letters, digits, dots and hyphens.'
}
