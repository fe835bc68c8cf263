import { EntraError, type EntraErrorCode, type Failure, rowOf } from '../errors/entra-error.ts'
import { type Explanation, explainedError } from './connect-failures.ts'
import { createUser, principalOf } from './principal.ts'
import { explainRefusedToken, isTokenRefusal, type LoginContext, type LoginRefusal } from './token-refusal.ts'

type Text = string | ((context: LoginContext, refusal: LoginRefusal) => string)

/** What error numbers mean at login. */
interface Refusal {
  readonly numbers: readonly number[]
  readonly code: EntraErrorCode
  /** Whether it may pass by itself. @defaultValue false */
  readonly transient?: true
  readonly why: Text
  readonly remedy: Text
}

/** Numbers that mean the same at login and in a session. The last ones want fewer attempts. */
export const DATABASE_MOVES: readonly number[] = [615, 926, 983, 4221, 40613]
export const DATABASE_AT_LIMIT: readonly number[] = [10928, 10929, 10936]
export const SERVER_BUSY: readonly number[] = [40501, 49918, 49919, 49920]

export const AT_LIMIT =
  'The database is at its limit of sessions or workers; every running statement and every login takes a worker.'

/** "Cannot open database … requested by the login": while a database moves, or for good if its name is wrong. */
const CANNOT_OPEN_DATABASE = 4060

/**
 * What each error number means at login, except those that refuse the token.
 *
 * Source: Microsoft Learn, "Troubleshoot connectivity issues and other errors with Azure SQL Database and Azure SQL
 * Managed Instance", "Troubleshoot transient connection errors", "Connectivity settings", and "Database Engine events
 * and errors".
 */
const REFUSALS: readonly Refusal[] = [
  {
    numbers: [916],
    code: 'PRINCIPAL_UNKNOWN',
    why: ({ claims }) => `The server knows ${principalOf(claims)}, but the database does not.`,
    remedy: ({ claims }) => `Run in that database, as the server's Entra administrator:\n${createUser(claims)}`,
  },
  {
    numbers: [911, CANNOT_OPEN_DATABASE],
    code: 'DATABASE_NOT_FOUND',
    why: ({ server, database = 'master', claims }) =>
      `${server} has no database "${database}", or ${principalOf(claims)} has no user in it.`,
    remedy: ({ claims }) =>
      "Check the names of the database and of the server. If both are right, run in that database, as the server's " +
      `Entra administrator:\n${createUser(claims)}`,
  },
  {
    numbers: [...DATABASE_MOVES, 40197, ...SERVER_BUSY],
    code: 'DATABASE_UNAVAILABLE',
    transient: true,
    why: 'The database is paused, moving to another node, or busy.',
    remedy:
      'This usually clears up by itself within a minute; connecting wakes a paused serverless database. Work waits ' +
      'for it up to rotation.connectRetryTimeout. If it persists, check the status of the database in the portal.',
  },
  {
    numbers: [42108, 42109],
    code: 'DATABASE_UNAVAILABLE',
    why: 'The dedicated SQL pool is paused, or resuming.',
    remedy:
      'Resume it (`az synapse sql pool resume --resource-group … --workspace-name … --name …`), and wait until it is online.',
  },
  {
    numbers: [...DATABASE_AT_LIMIT, 17809],
    code: 'TOO_MANY_CONNECTIONS',
    transient: true,
    why: AT_LIMIT,
    remedy:
      'Open fewer connections: each instance of your service opens up to connectionLimit, and up to ' +
      'rotation.loginsAtOnce more during a rotation. Or make statements shorter, or choose a larger service tier. ' +
      '`SELECT program_name, COUNT(*) FROM sys.dm_exec_sessions GROUP BY program_name` shows who has sessions open.',
  },
  {
    numbers: [40615],
    code: 'FIREWALL',
    why: (_, { message }) => `The server's firewall blocks ${blockedAddress(message)}.`,
    remedy({ server }, { message }) {
      const address = blockedAddress(message)
      return (
        'Allow it, then wait up to five minutes:\n' +
        `  az sql server firewall-rule create --resource-group … --server ${shortName(server)} --name my-app ` +
        `--start-ip-address ${address} --end-ip-address ${address}\n` +
        `or run in the database master: EXEC sp_set_firewall_rule N'my-app', '${address}', '${address}';`
      )
    },
  },
  {
    numbers: [40914],
    code: 'FIREWALL',
    why: 'The server only accepts connections from certain subnets, and this is not one of them.',
    remedy: ({ server }) =>
      'Allow this subnet:\n' +
      `  az sql server vnet-rule create --resource-group … --server ${shortName(server)} --name my-app ` +
      '--vnet-name … --subnet …',
  },
  {
    numbers: [47073],
    code: 'FIREWALL',
    why: ({ server }) =>
      `The server only accepts connections through its private endpoint, but ${server} resolves to its public one here.`,
    remedy: ({ server }) =>
      'Connect from inside its virtual network, with the private DNS zone (privatelink.database.windows.net) linked ' +
      `to it. Or allow public access: \`az sql server update --resource-group … --name ${shortName(server)} ` +
      '--enable-public-network true`.',
  },
  {
    numbers: [40531, 40532],
    code: 'SERVER_NOT_FOUND',
    why: ({ server }) => `Azure SQL's gateway answered, but it knows no server named "${shortName(server)}".`,
    remedy:
      'Connect by the full name of the server (myserver.database.windows.net), not by an address or an alias. If the ' +
      'name is right, the server was deleted, or the name resolves to the gateway of a different region.',
  },
  {
    numbers: [47072],
    code: 'TLS_FAILED',
    why: 'The server requires a later version of TLS.',
    remedy:
      "Remove the TLS options (secureProtocol, minVersion, maxVersion), and Node's --tls-max-v1.x. If the server " +
      'requires TLS 1.3, set encrypt=strict: only TDS 8 has it.',
  },
]

/** The error for a login that the server refused. */
export function loginRefused(refusal: LoginRefusal, context: LoginContext, cause?: Error): EntraError {
  const { number, state, message } = refusal
  const explanation = isTokenRefusal(number) ? explainRefusedToken(context, refusal) : explain(context, refusal)
  const what = `The server refused the login: ${message} (error ${number}, state ${state})`
  return explainedError(what, explanation, { cause, number, state })
}

function explain(context: LoginContext, refusal: LoginRefusal): Explanation {
  const { number } = refusal
  const row = refusalOf(number)
  if (row === undefined) {
    return { code: 'LOGIN_FAILED', why: '', remedy: `Look up error ${number} in SQL Server's documentation.` }
  }
  const said = (text: Text) => (typeof text === 'string' ? text : text(context, refusal))
  return { code: row.code, why: said(row.why), remedy: said(row.remedy) }
}

/**
 * What a failure means; undefined if it is the work's own (an SQL error) or permanent.
 *
 * @param databaseWasOpened - whether this database could be opened before: then 4060 means that it is moving
 */
export function failureOf(error: unknown, databaseWasOpened: boolean): Failure | undefined {
  if (!(error instanceof EntraError)) return undefined
  const { code, number } = error
  // DNS may come back. A server that Azure's gateway does not know will not.
  if (code === 'SERVER_NOT_FOUND' && number !== undefined) return undefined
  const { failure } = rowOf(code)
  if (failure !== 'by-number') return failure
  if (number === undefined) return undefined
  if (isTokenRefusal(number)) return 'token'
  const transient = number === CANNOT_OPEN_DATABASE ? databaseWasOpened : refusalOf(number)?.transient
  return transient ? 'unavailable' : undefined
}

/** Whether a server refused because it is at a limit, to which each attempt adds. */
export function isAtLimit(error: unknown): boolean {
  if (!(error instanceof EntraError)) return false
  return error.code === 'TOO_MANY_CONNECTIONS' || (error.number !== undefined && SERVER_BUSY.includes(error.number))
}

function refusalOf(number: number): Refusal | undefined {
  return REFUSALS.find(({ numbers }) => numbers.includes(number))
}

function blockedAddress(message: string): string {
  return /IP address '([^']+)'/.exec(message)?.[1] ?? 'ADDRESS'
}

/** What Azure's tools call a server: the first part of its host name. */
function shortName(server: string): string {
  return server.split('.', 1)[0] ?? server
}
