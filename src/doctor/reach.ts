import { lookup, Resolver } from 'node:dns/promises'
import { existsSync } from 'node:fs'
import { isIP, type Socket } from 'node:net'
import { join } from 'node:path'
import type { config as MssqlConfig } from 'mssql'
import { isAzureHost } from '../credentials/clouds.ts'
import { reachServer } from '../login/client-login.ts'
import { withinConnectTimeout } from '../login/connect.ts'
import { type Target, targetOf } from '../login/target.ts'
import { type Setup, type SetupOptions, setUp } from '../setup.ts'
import type { Clock } from '../time/clock.ts'
import type { Finding } from './steps.ts'

/**
 * Reads the connection string or the config.
 *
 * @throws EntraError `CONFIG_INVALID`, `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`
 */
export function checkConnectionString(
  config: MssqlConfig | string,
  options: SetupOptions,
): Finding<{ setup: Setup; target: Target }> {
  const setup = setUp(config, options)
  const target = targetOf(setup.mssql)
  const { host, port, database, encrypt } = target
  const warnings = setup.warnings.map(({ message }) => message)
  if (database === undefined) {
    warnings.push(
      'No database is named. Prisma Migrate needs one, and most users of Azure SQL exist in only one. Add database=….',
    )
  }
  warnings.push(...overriddenConfigWarning(process.cwd()))
  return {
    value: { setup, target },
    summary: `${host}:${port}, ${database === undefined ? 'no database' : `database ${database}`}`,
    details: { server: host, port, database, encrypt, schema: setup.schema, audience: setup.audience },
    warnings,
  }
}

const EXTENSIONS = ['js', 'ts', 'mjs', 'cjs', 'mts', 'cts']
const CONFIG_FILES = { prisma7: ['prisma7.config', '.config/prisma7'], usual: ['prisma.config', '.config/prisma'] }

/** A warning if a folder has a `prisma7.config.*`, so that Prisma ignores the `prisma.config.*` beside it; else none. */
export function overriddenConfigWarning(folder: string): string[] {
  const [read, ignored] = [CONFIG_FILES.prisma7, CONFIG_FILES.usual].map((names) =>
    names
      .flatMap((name) => EXTENSIONS.map((extension) => `${name}.${extension}`))
      .find((file) => existsSync(join(folder, file))),
  )
  if (read === undefined || ignored === undefined) return []
  return [`Prisma's commands read ${read} and ignore ${ignored}. Keep only one of them.`]
}

/** Looks up the server's name. @throws EntraError `SERVER_NOT_FOUND` */
export async function checkDns(target: Target, clock: Clock, signal: AbortSignal): Promise<Finding<true>> {
  const { host } = target
  if (isIP(host) !== 0) return { value: true, summary: `${host} is an address`, details: { addresses: [host] } }
  const found = await withinConnectTimeout(target, { reached: false }, { clock, signal }, () =>
    lookup(host, { all: true }),
  )
  const addresses = found.map(({ address }) => address)
  const aliases = isAzureHost(host) ? await aliasesOf(host, signal) : []
  const warnings = privateEndpointWarning(host, aliases, addresses)
  return { value: true, summary: addresses.join(', '), details: { addresses, aliases }, warnings }
}

/** How long the DNS aliases of a server are waited for, in ms: they only explain. */
const ALIAS_TIMEOUT = 2_000

async function aliasesOf(host: string, signal: AbortSignal): Promise<string[]> {
  const resolver = new Resolver({ timeout: ALIAS_TIMEOUT, tries: 1 })
  const stop = () => resolver.cancel()
  signal.addEventListener('abort', stop)
  try {
    return await resolver.resolveCname(host)
  } catch {
    return []
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** `10/8`, `172.16/12`, `192.168/16`, `100.64/10`, and IPv6's `fc00::/7`. */
const PRIVATE = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd])/i

/**
 * A warning if a server has a private endpoint (Azure then gives its name an alias in `privatelink.…`), but its name
 * resolves to a public address here; or if the config has that alias. Else none.
 */
export function privateEndpointWarning(
  host: string,
  aliases: readonly string[],
  addresses: readonly string[],
): string[] {
  const alias = [host, ...aliases].find((name) => /\.privatelink\./i.test(name))
  if (alias === undefined) return []
  if (alias === host) {
    const usual = host.replace(/\.privatelink\./i, '.')
    return [`Connect to ${usual} instead: Azure's gateway and its certificate use only that name.`]
  }
  if (addresses.every((address) => PRIVATE.test(address))) return []
  const zone = alias.slice(alias.indexOf('.') + 1)
  return [
    `The server has a private endpoint, but its name resolves to a public address here (${addresses.join(', ')}). If ` +
      `public access is off, every login is refused: link the private DNS zone ${zone} to this network.`,
  ]
}

/** Opens a TCP connection. @throws EntraError `SERVER_UNREACHABLE`, `CONNECT_FAILED` */
export async function checkTcp(target: Target, clock: Clock, signal: AbortSignal): Promise<Finding<Socket>> {
  const socket = await withinConnectTimeout(target, { reached: false }, { clock, signal }, (within) =>
    reachServer(target, within),
  )
  const { remoteAddress: address, remotePort: port, localAddress } = socket
  return { value: socket, summary: `${address}:${port}`, details: { address, port, localAddress } }
}
