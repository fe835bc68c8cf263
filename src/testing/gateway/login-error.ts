import type { ServerMessage } from '../../tds/tokens.ts'
import { azureMessage, cannotOpenServer, databaseUnavailable } from './azure-messages.ts'

type Refusal = Omit<ServerMessage, 'serverName' | 'line'>

/** Why a login is refused, as the client is to see it. */
export class LoginError extends Error {
  /** The reason first. */
  readonly tokens: readonly ServerMessage[]

  constructor(reason: Refusal, options?: ErrorOptions) {
    super(reason.message, options)
    // A server ends the login with 18456, whatever was wrong.
    const refusals = reason.number === CANNOT_OPEN_DATABASE ? [reason, tokenLoginFailed()] : [reason]
    this.tokens = refusals.map((refusal) => ({ ...refusal, serverName: 'local-gateway', line: 1 }))
  }

  get number(): number | undefined {
    return this.tokens[0]?.number
  }
}

const CANNOT_OPEN_DATABASE = 4060
const LOGIN_FAILED = 18456
const LOGIN_SEVERITY = 14

/** Why Azure SQL does not take a token, in its words. */
export const TokenRefusal = {
  EXPIRED: { message: 'Token is expired.', state: 233 },
  /** Another audience, a signature that does not verify, not valid yet, or no token at all. */
  INVALID: { message: 'Incorrect or invalid token.', state: 1 },
  /** The tenant is not the server's, or the server has no Entra administrator. */
  NOT_CONFIGURED: { message: 'The server is not currently configured to accept this token.', state: 1 },
} as const

/**
 * What Azure SQL answers to a token that it does not take.
 *
 * @param why - not there where the token is good, but nobody in the database is meant by it: then it says no more
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

/** What Azure SQL answers to user and password where only Entra logins are taken. */
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

/** What Azure SQL answers to a login that names another server: "localhost", for one, through a tunnel. */
export function serverNameRefused(serverName: string): LoginError {
  return new LoginError({ number: 40532, state: 1, class: LOGIN_SEVERITY, message: cannotOpenServer(serverName) })
}

/** What is answered to an echo bit of FEDAUTH that is not what PRELOGIN said; MS-TDS 3.3.5.5 names no number. */
export function echoRefused(): LoginError {
  return new LoginError(tokenLoginFailed())
}

/** What is said where the server behind cannot be had. */
export function upstreamUnavailable(database: string, cause: unknown): LoginError {
  return new LoginError({ number: 40613, state: 1, class: 17, message: databaseUnavailable(database) }, { cause })
}
