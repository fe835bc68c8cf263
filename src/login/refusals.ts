import type { Claims } from '../credentials/claims.ts'
import type { EntraErrorCode } from '../errors/entra-error.ts'
import { createUser, principalOf } from './principal.ts'
import { explainRefusedToken } from './token-refusal.ts'

/** An ERROR token of a login (MS-TDS 2.2.7.10). */
export interface LoginRefusal {
  number: number
  state: number
  message: string
}

/** What is known where a login was refused. Never the token, only what it says of itself. */
export interface LoginContext {
  /** The host name of the server. */
  server: string
  /** Undefined where none is named: the login's own. */
  database: string | undefined
  /** What the tokens of this server are for: `https://database.windows.net/`. */
  audience: string
  /** Undefined where the token is no JSON Web Token. */
  claims: Claims | undefined
  /** In ms since the epoch. */
  now: number
}

/** What a refusal means. */
export interface Verdict {
  code: EntraErrorCode
  /** What the server's own words leave out; may be empty. */
  why: string
  remedy: string
}

type Explain = (refusal: LoginRefusal, context: LoginContext) => Verdict

/**
 * What each error number means at login.
 *
 * Source: Microsoft Learn, "Troubleshoot connectivity issues and other errors with Azure SQL Database and Azure SQL
 * Managed Instance", "Troubleshoot transient connection errors", "Connectivity settings", and "Database Engine events
 * and errors".
 */
const REFUSALS: ReadonlyArray<readonly [numbers: readonly number[], explain: Explain]> = [
  [[18456, 37396], explainRefusedToken],
  [[916], noUserInDatabase],
  [[911, 4060], noSuchDatabase],
  [[615, 926, 4221, 40197, 40501, 40613, 49918, 49919, 49920], unavailable],
  [[42108, 42109], pausedPool],
  [[10928, 10929, 10936, 17809], tooManyConnections],
  [[40615], addressShutOut],
  [[40914], networkShutOut],
  [[47073], noPublicAccess],
  [[40531, 40532], serverNotFound],
  [[47072], tlsTooOld],
]

/** What a refused login means: pure. */
export function explainLoginRefusal(refusal: LoginRefusal, context: LoginContext): Verdict {
  const known = REFUSALS.find(([numbers]) => numbers.includes(refusal.number))
  if (known !== undefined) return known[1](refusal, context)
  return { code: 'LOGIN_FAILED', why: '', remedy: `Look error ${refusal.number} up in SQL Server's documentation.` }
}

function noUserInDatabase(_: LoginRefusal, { claims }: LoginContext): Verdict {
  return {
    code: 'PRINCIPAL_UNKNOWN',
    why: `The server knows ${principalOf(claims)}, but the database does not.`,
    remedy: `Run in that database, as the server's Entra administrator:\n${createUser(claims)}`,
  }
}

function noSuchDatabase(_: LoginRefusal, { server, database, claims }: LoginContext): Verdict {
  return {
    code: 'DATABASE_NOT_FOUND',
    why: `${server} has no database "${database ?? 'master'}", or ${principalOf(claims)} has no user in it.`,
    remedy:
      'Check the name of the database, and that this is its server. If both are right, run in it, as the ' +
      `server's Entra administrator:\n${createUser(claims)}`,
  }
}

function unavailable(): Verdict {
  return {
    code: 'DATABASE_UNAVAILABLE',
    why: 'The database is paused, moving to another node, or busy.',
    remedy:
      'This passes by itself, mostly within a minute; a paused serverless database wakes up by being connected to. ' +
      'Work waits for it as long as rotation.connectRetryTimeout says. If it stays so, look at the status of the ' +
      'database in the portal.',
  }
}

function pausedPool(): Verdict {
  return {
    code: 'DATABASE_UNAVAILABLE',
    why: 'The dedicated SQL pool is paused, or on its way back.',
    remedy: 'Resume it (`az synapse sql pool resume --resource-group … --workspace-name … --name …`), and wait for it.',
  }
}

function tooManyConnections(): Verdict {
  return {
    code: 'TOO_MANY_CONNECTIONS',
    why: 'The database is at its limit of sessions or workers; every running statement takes a worker, and so does a login.',
    remedy:
      'Have fewer connections (connectionLimit, and rotation.loginsAtOnce more during a rotation, times the instances ' +
      'of your service), make statements shorter, or take a larger service tier. ' +
      '`SELECT program_name, COUNT(*) FROM sys.dm_exec_sessions GROUP BY program_name` shows who has them.',
  }
}

function addressShutOut({ message }: LoginRefusal, { server }: LoginContext): Verdict {
  const address = /IP address '([^']+)'/.exec(message)?.[1] ?? 'ADDRESS'
  return {
    code: 'FIREWALL',
    why: `The firewall of the server does not let ${address} in.`,
    remedy:
      'Let it in, and wait up to five minutes:\n' +
      `  az sql server firewall-rule create --resource-group … --server ${shortName(server)} --name my-app ` +
      `--start-ip-address ${address} --end-ip-address ${address}\n` +
      `or in the database master: EXEC sp_set_firewall_rule N'my-app', '${address}', '${address}';`,
  }
}

function networkShutOut(_: LoginRefusal, { server }: LoginContext): Verdict {
  return {
    code: 'FIREWALL',
    why: 'The server lets in certain subnets only, and this is none of them.',
    remedy:
      'Let this subnet in:\n' +
      `  az sql server vnet-rule create --resource-group … --server ${shortName(server)} --name my-app ` +
      '--vnet-name … --subnet …',
  }
}

function noPublicAccess(_: LoginRefusal, { server }: LoginContext): Verdict {
  return {
    code: 'FIREWALL',
    why: `The server takes connections by its private endpoint alone, and ${server} leads to its public one from here.`,
    remedy:
      'Connect from inside of its virtual network, with the private DNS zone (privatelink.database.windows.net) linked ' +
      `to it; or \`az sql server update --resource-group … --name ${shortName(server)} --enable-public-network true\`.`,
  }
}

function serverNotFound(_: LoginRefusal, { server }: LoginContext): Verdict {
  return {
    code: 'SERVER_NOT_FOUND',
    why: `The gateway of Azure SQL was reached, but knows no server "${shortName(server)}".`,
    remedy:
      'Connect by the whole name of the server (myserver.database.windows.net) and not by an address or an alias; if ' +
      'it is right, the server was deleted, or is in another region than the gateway that the name leads to.',
  }
}

function tlsTooOld(): Verdict {
  return {
    code: 'TLS_FAILED',
    why: 'The server wants a later version of TLS than was spoken.',
    remedy: 'Leave tls options (secureProtocol, minVersion, maxVersion) and --tls-max-v1.x of Node out.',
  }
}

/** What the tools of Azure call a server: the first part of its host name. */
function shortName(server: string): string {
  return server.split('.', 1)[0] ?? server
}
