import type { SecureContextOptions } from 'node:tls'
import type { config as MssqlConfig } from 'mssql'
import { DEFAULT_PORT } from '../config/address.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { Login7 } from '../tds/login7.ts'
import type { Routing } from '../tds/tokens.ts'
import { DEFAULT_WAIT } from '../token/token-source-options.ts'
import type { ServerAddress } from './client-login.ts'
import { connectFailed } from './connect-failures.ts'

/** The server that a proxy signs in on. */
export interface Target extends ServerAddress {
  /** What LOGIN7 calls the server. @defaultValue its host */
  loginName?: string | undefined
  /** The database of a client that asks for none. @defaultValue the identity's own */
  database?: string | undefined
  /** What the server shows of a client that does not name itself. @defaultValue nothing */
  applicationName?: string | undefined
  /** The language of a client that asks for none. @defaultValue the identity's own */
  language?: string | undefined
  /** Sends each login to a replica that is only read (`applicationIntent=ReadOnly`). @defaultValue false */
  readOnly?: boolean | undefined
  /** How long one attempt to log in may take, from DNS to the server's answer, in ms; 0 for no limit. */
  connectTimeout: number
}

/** The database that a client gets: the target's if it names none; empty if that has none either. */
export function databaseOf({ database }: Pick<Login7, 'database'>, target: Pick<Target, 'database'>): string {
  return database || (target.database ?? '')
}

/**
 * Where a redirected login continues. A name `host\instance` (Fabric; tedious #1668, go-mssqldb #230) is
 * dialled by its host, at the port that came with it, and told in full in LOGIN7. The certificate may be for the new host
 * or for the name first dialled: servers have either.
 */
function redirected(first: Target, { host: name, port }: Routing): Target {
  const [host = name] = name.split('\\', 1)
  const alternativeName = first.serverName ?? first.host
  return { ...first, host, port, loginName: name, serverName: undefined, alternativeName }
}

/** SqlClient's limit. */
const MAX_REDIRECTS = 10

/**
 * Logs in, wherever the servers send the login.
 *
 * @param logInAt - gives a redirect, or what the login ends with
 * @param redirects - takes those that were followed, in their order
 * @throws EntraError `CONNECT_FAILED` if there are too many; what `logInAt` throws
 */
export async function followRedirects<Outcome extends object>(
  first: Target,
  logInAt: (server: Target) => Promise<Outcome | { routing: Routing }>,
  redirects: Routing[] = [],
): Promise<Outcome> {
  for (let server = first; ; ) {
    const outcome = await logInAt(server)
    if (!('routing' in outcome)) return outcome
    if (redirects.length === MAX_REDIRECTS) {
      throw connectFailed(new Error(`the server redirected the login more than ${MAX_REDIRECTS} times`), false)
    }
    redirects.push(outcome.routing)
    server = redirected(first, outcome.routing)
  }
}

/**
 * Where an `mssql` config leads to.
 *
 * @throws {@link EntraError} `CONFIG_INVALID` for a named instance: only SQL Server Browser knows its port, and the
 * proxy does not ask it
 */
export function targetOf({ server, port, database, connectionTimeout, options = {} }: MssqlConfig): Target {
  if (server.includes('\\') || options.instanceName !== undefined) {
    throw new EntraError(
      'CONFIG_INVALID',
      'Named instances are not supported here: SQL Server Browser is not asked for their port. Give the port instead.',
    )
  }
  const encrypt: unknown = options.encrypt
  return {
    host: server,
    port: port ?? DEFAULT_PORT,
    database,
    encrypt: encrypt === 'strict' ? 'strict' : encrypt !== false,
    // As the driver has it: TDS 8 verifies the certificate, whatever is said.
    trustServerCertificate: encrypt !== 'strict' && (options.trustServerCertificate ?? false),
    tls: options.cryptoCredentialsDetails as SecureContextOptions | undefined,
    serverName: options.serverName,
    parallel: options.multiSubnetFailover,
    localAddress: options.localAddress,
    applicationName: options.appName,
    language: options.language,
    readOnly: options.readOnlyIntent,
    connectTimeout: connectionTimeout ?? DEFAULT_WAIT,
  }
}
