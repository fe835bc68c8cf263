import { randomUUID } from 'node:crypto'
import { reasonOf } from '../../errors/entra-error.ts'
import type { ServerMessage } from '../../tds/tokens.ts'

type Refusal = Omit<ServerMessage, 'serverName' | 'line'>

/** Why a login is refused, as the client is to see it. */
export class LoginError extends Error {
  /** The reason first. */
  readonly tokens: readonly ServerMessage[]
  /** Whether the server behind the gateway said so, or could not be reached. */
  readonly byUpstream: boolean

  /** @param options - `said`: what the server behind the gateway answered, to be passed on as it is */
  constructor(reason: Refusal, options: ErrorOptions & { said?: readonly ServerMessage[] } = {}) {
    super(reason.message, options)
    this.byUpstream = options.said !== undefined
    // A server ends the login with 18456, whatever was wrong.
    const refusals = reason.number === CANNOT_OPEN_DATABASE ? [reason, tokenLoginFailed()] : [reason]
    this.tokens = options.said ?? refusals.map((refusal) => ({ ...refusal, serverName: 'local-gateway', line: 1 }))
  }

  get number(): number {
    return this.tokens[0]?.number ?? 0
  }
}

const CANNOT_OPEN_DATABASE = 4060
const LOGIN_FAILED = 18456
const LOGIN_SEVERITY = 14

/** Why Azure SQL does not accept a token, in its words. */
export const TokenRefusal = {
  EXPIRED: { message: 'Token is expired.', state: 233 },
  /** Another audience, a signature that does not verify, not valid yet, or no token at all. */
  INVALID: { message: 'Incorrect or invalid token.', state: 1 },
  /** The tenant is not the server's, or the server has no Entra administrator. */
  NOT_CONFIGURED: { message: 'The server is not currently configured to accept this token.', state: 1 },
} as const

/**
 * What Azure SQL answers to a token that it does not accept.
 *
 * @param why - undefined if the token is valid, but its principal has no user in the database: then Azure gives no reason
 */
export function tokenRefused(why?: (typeof TokenRefusal)[keyof typeof TokenRefusal], cause?: unknown): LoginError {
  return new LoginError(tokenLoginFailed(why), { cause })
}

function tokenLoginFailed(why?: { message: string; state: number }): Refusal {
  const message = azureMessage(LOGIN_FAILED)
  return {
    number: LOGIN_FAILED,
    state: why?.state ?? 1,
    class: LOGIN_SEVERITY,
    message: why === undefined ? message : `${message} ${why.message}`,
  }
}

/** What Azure SQL answers to a user and password if it accepts only Entra logins. */
export function sqlLoginRefused(user: string): LoginError {
  return new LoginError({
    number: LOGIN_FAILED,
    state: 1,
    class: LOGIN_SEVERITY,
    message:
      `Login failed for user '${user}'. Reason: Azure Active Directory only authentication is enabled. ` +
      'Please contact your system administrator.',
  })
}

/** What Azure SQL answers to a login that names another server: for example "localhost", through a tunnel. */
export function serverNameRefused(serverName: string): LoginError {
  return new LoginError({ number: 40532, state: 1, class: LOGIN_SEVERITY, message: cannotOpenServer(serverName) })
}

/** What is answered to an echo bit of FEDAUTH that is not what PRELOGIN said; MS-TDS 3.3.5.5 names no number. */
export function echoRefused(): LoginError {
  return new LoginError(tokenLoginFailed())
}

/** SqlClient's number for a server that cannot be reached. Azure has none: its gateways and databases are one service. */
const NOT_REACHED = 53

/** The error if there is no login on the server behind, and no answer of it to pass on. @param where - `host:port` */
export function upstreamNotReached(where: string, cause: unknown): LoginError {
  const message = `The gateway cannot log in on the server behind it, ${where}: ${reasonOf(cause)}`
  const reason = { number: NOT_REACHED, state: 1, class: 17, message }
  return new LoginError(reason, { said: [reason], cause })
}

/**
 * What Azure SQL says with an error number, for a database `app` on a server `myserver`.
 *
 * Source: Microsoft Learn, "Troubleshoot connectivity issues and other errors with Azure SQL Database and Azure SQL
 * Managed Instance", and "Database Engine events and errors".
 */
const MESSAGES: Readonly<Record<number, string>> = {
  615: "Could not find database ID 5, name 'app'.",
  916: 'The server principal "local-app" is not able to access the database "app" under the current security context.',
  926: "Database 'app' cannot be opened. It has been marked SUSPECT by recovery. See the SQL Server errorlog for more information.",
  3906: 'Failed to update database "app" because the database is read-only.',
  4060: 'Cannot open database "app" requested by the login. The login failed.',
  4221:
    "Login to read-secondary failed due to long wait on 'HADR_DATABASE_WAIT_FOR_TRANSITION_TO_VERSIONING'. The replica " +
    'is not available for login because row versions are missing for transactions that were in-flight when the replica ' +
    'was recycled.',
  10928:
    "Resource ID: 1. The request limit for the database is 30 and has been reached. See 'http://go.microsoft.com/fwlink/?LinkId=267637' for assistance.",
  10929:
    'Resource ID: 1. The request minimum guarantee is 0, maximum limit is 30, and the current usage for the database is ' +
    '30. However, the server is currently too busy to support requests greater than 30 for this database.',
  10936: 'Resource ID: 1. The request limit for the elastic pool is 50 and has been reached.',
  18456: "Login failed for user '<token-identified principal>'.",
  37396: 'Query cannot be executed, access token is expired. Please login with a new access token.',
  40197: 'The service has encountered an error processing your request. Please try again. Error code 40143.',
  40501: 'The service is currently busy. Retry the request after 10 seconds. Incident ID: 0. Code: 0.',
  40532: 'Cannot open server "myserver" requested by the login. The login failed.',
  40615:
    `Cannot open server 'myserver' requested by the login. Client with IP address '203.0.113.7' is not allowed to access ` +
    'the server. To enable access, use the Azure Management Portal or run sp_set_firewall_rule on the master database to ' +
    'create a firewall rule for this IP address or address range. It may take up to five minutes for this change to take effect.',
  40914: "Cannot open server 'myserver' requested by the login. Client is not allowed to access the server.",
  42108: 'Can not connect to the SQL pool since it is paused. Please resume the SQL pool and try again.',
  47072: 'Login failed with invalid TLS version.',
  47073:
    'An instance-specific error occurred while establishing a connection to SQL Server. The public network interface on ' +
    'this server is not accessible. To connect to this server, use the Private Endpoint from inside your virtual network.',
  49918:
    'Cannot process request. Not enough resources to process request. The service is currently busy. Please retry the request later.',
  49919:
    'Cannot process create or update request. Too many create or update operations in progress for subscription "0".',
  49920: 'Cannot process request. Too many operations in progress for subscription "0".',
}

/** What Azure SQL says with an error number; for an unknown one, that a test injected it. */
export function azureMessage(number: number): string {
  if (number === 40613) return databaseUnavailable('app')
  return MESSAGES[number] ?? `Injected by the test: error ${number}.`
}

/** What Azure SQL says if LOGIN7 names a server that it does not know (40532). */
export function cannotOpenServer(serverName: string): string {
  return `Cannot open server "${serverName}" requested by the login.  The login failed.`
}

/** What Azure SQL says of a database that is paused, moving or cannot be reached (40613). */
export function databaseUnavailable(database: string): string {
  return (
    `Database '${database}' on server 'myserver' is not currently available. Please retry the connection later. If the ` +
    'problem persists, contact customer support, and provide them with the session tracing ID of ' +
    `'${randomUUID().toUpperCase()}'.`
  )
}
