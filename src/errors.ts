/**
 * What can go wrong, by a name that does not change between versions.
 *
 * | code | when |
 * |---|---|
 * | `CONFIG_INVALID` | the connection string, config object or an option cannot be right |
 * | `CONFIG_CREDENTIALS` | the config holds a user, password, token or `authentication`: this adapter signs in by `credential` |
 * | `CONFIG_PLAINTEXT` | `encrypt: false` towards a host that is not loopback: a token would cross the network in the clear |
 * | `TOKEN_INVALID` | the credential gave no token, or one without a usable expiry |
 * | `TOKEN_EXPIRED` | the credential gave a token that has expired already |
 * | `TOKEN_REQUEST_FAILED` | the credential threw; `cause` is its error |
 * | `TOKEN_REQUEST_TIMEOUT` | the credential did not answer in time |
 * | `TOKEN_UNAVAILABLE` | work waited for a valid token as long as it may; `cause` is why there was none |
 * | `LOGIN_FAILED` | the server refused the login; `number` and `state` are the server's |
 * | `TLS_FAILED` | the server's certificate was not accepted, or it offers no encryption; the token was not sent |
 * | `CONNECT_FAILED` | no connection to the server could be opened |
 * | `CONNECT_TIMEOUT` | work waited for a free connection as long as it may |
 * | `SESSION_TOKEN_EXPIRED` | the server ended a session because its token had expired; the statement did not run |
 * | `STATEMENT_TOKEN_EXPIRED` | a statement was still running when its connection's token expired |
 * | `CONNECTION_LOST` | the connection went away while a statement was under way, which may have run |
 * | `NOT_SENT` | the connection went away before a statement was sent, which did not run |
 * | `TRANSACTION_TOKEN_EXPIRED` | a transaction was still open when its connection's token expired |
 * | `CLOSED` | used after `$disconnect` or `close()` |
 * | `DEPENDENCY_MISSING` | an optional package that is needed here is not installed |
 */
export type EntraErrorCode =
  | 'CONFIG_INVALID'
  | 'CONFIG_CREDENTIALS'
  | 'CONFIG_PLAINTEXT'
  | 'TOKEN_INVALID'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_REQUEST_FAILED'
  | 'TOKEN_REQUEST_TIMEOUT'
  | 'TOKEN_UNAVAILABLE'
  | 'LOGIN_FAILED'
  | 'TLS_FAILED'
  | 'CONNECT_FAILED'
  | 'CONNECT_TIMEOUT'
  | 'SESSION_TOKEN_EXPIRED'
  | 'STATEMENT_TOKEN_EXPIRED'
  | 'CONNECTION_LOST'
  | 'NOT_SENT'
  | 'TRANSACTION_TOKEN_EXPIRED'
  | 'CLOSED'
  | 'DEPENDENCY_MISSING'

/** What an {@link EntraError} may carry beside its message. */
export interface EntraErrorDetails {
  /** The error underneath, kept as it was thrown. */
  cause?: unknown
  /** SQL Server's error number, where the server said no. */
  number?: number | undefined
  /** SQL Server's error state, where the server said no. */
  state?: number | undefined
}

/** The one class of errors that this package throws. The message says what failed, why, and what to do. */
export class EntraError extends Error {
  override readonly name = 'EntraError'
  readonly code: EntraErrorCode
  readonly number?: number
  readonly state?: number

  constructor(code: EntraErrorCode, message: string, details: EntraErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    if (details.number !== undefined) this.number = details.number
    if (details.state !== undefined) this.state = details.state
  }
}

/** The first line of an error's message, for use inside another message. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.split('\n', 1)[0]?.trim() || 'no reason given'
}
