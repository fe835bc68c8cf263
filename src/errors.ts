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
 * | `TOKEN_REFUSED` | the credential gave a token again that the server had refused |
 * | `TOKEN_REQUEST_FAILED` | the credential threw; `cause` is its error |
 * | `TOKEN_REQUEST_TIMEOUT` | the credential did not answer in time |
 * | `TOKEN_UNAVAILABLE` | work waited for a valid token as long as it may; `cause` is why there was none |
 * | `LOGIN_FAILED` | the server refused the login; `number` and `state` are the server's |
 * | `CONNECT_FAILED` | no connection to the server could be opened |
 * | `CONNECT_TIMEOUT` | work waited for a connection opened with a valid token as long as it may |
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
  | 'TOKEN_REFUSED'
  | 'TOKEN_REQUEST_FAILED'
  | 'TOKEN_REQUEST_TIMEOUT'
  | 'TOKEN_UNAVAILABLE'
  | 'LOGIN_FAILED'
  | 'CONNECT_FAILED'
  | 'CONNECT_TIMEOUT'
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
