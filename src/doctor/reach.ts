import { lookup } from 'node:dns/promises'
import { isIP, type Socket } from 'node:net'
import type { config as MssqlConfig } from 'mssql'
import { reachServer } from '../login/client-login.ts'
import { withinConnectTimeout } from '../login/connect.ts'
import type { Target } from '../login/target.ts'
import { type Setup, type SetupOptions, setUpLogin } from '../setup.ts'
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
  const setup = setUpLogin(config, options)
  const { target } = setup
  const { host, port, database, encrypt } = target
  const warnings = setup.warnings.map(({ message }) => message)
  if (database === undefined) {
    warnings.push(
      'It names no database. Prisma Migrate needs one, and most Azure SQL users exist in only one: database=…',
    )
  }
  return {
    value: { setup, target },
    summary: `${host}:${port}, ${database === undefined ? 'no database' : `database ${database}`}`,
    details: { server: host, port, database, encrypt, schema: setup.schema, audience: setup.audience },
    warnings,
  }
}

/** Looks up the server's name. @throws EntraError `SERVER_NOT_FOUND` */
export async function checkDns(target: Target, clock: Clock, signal: AbortSignal): Promise<Finding<true>> {
  const { host } = target
  if (isIP(host) !== 0) return { value: true, summary: `${host} is an address`, details: { addresses: [host] } }
  const progress = { reached: false }
  const found = await withinConnectTimeout(target, progress, { clock, signal }, () => lookup(host, { all: true }))
  const addresses = found.map(({ address }) => address)
  return { value: true, summary: addresses.join(', '), details: { addresses } }
}

/** Opens a TCP connection. @throws EntraError `SERVER_UNREACHABLE`, `CONNECT_FAILED` */
export async function checkTcp(target: Target, clock: Clock, signal: AbortSignal): Promise<Finding<Socket>> {
  const progress = { reached: false }
  const socket = await withinConnectTimeout(target, progress, { clock, signal }, (within) =>
    reachServer(target, within),
  )
  const { remoteAddress: address, remotePort: port, localAddress } = socket
  return { value: socket, summary: `${address}:${port}`, details: { address, port, localAddress } }
}
