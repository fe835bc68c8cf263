import type { ServerMessage } from '../../tds/tokens.ts'

/** Why a login is refused, as the client is to see it. */
export class LoginError extends Error {
  readonly token: ServerMessage

  constructor(token: Omit<ServerMessage, 'serverName' | 'line'>, options?: ErrorOptions) {
    super(token.message, options)
    this.token = { ...token, serverName: 'local-gateway', line: 1 }
  }
}

const LOGIN_FAILED = 18456
const LOGIN_SEVERITY = 14

/** What Azure SQL answers to a token that it does not take; the state says why only in its own log. */
export function tokenRefused(why?: string, cause?: unknown): LoginError {
  const message = "Login failed for user '<token-identified principal>'."
  return new LoginError(
    {
      number: LOGIN_FAILED,
      state: 1,
      class: LOGIN_SEVERITY,
      message: why === undefined ? message : `${message} ${why}`,
    },
    { cause },
  )
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

/** What is said where the server behind cannot be had. */
export function upstreamUnavailable(cause: unknown): LoginError {
  return new LoginError(
    {
      number: 40613,
      state: 1,
      class: 20,
      message: 'The database is not currently available: the gateway cannot reach its server. Please retry later.',
    },
    { cause },
  )
}
