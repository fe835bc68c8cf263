/**
 * What can go wrong, by a name that does not change between versions. `docs/errors.md` has a heading for each, with
 * what to do.
 *
 * | code | when |
 * |---|---|
 * | `CONFIG_INVALID` | the connection string, config object or an option cannot be right |
 * | `CONFIG_CREDENTIALS` | the config holds a user, password, token or `authentication`: this adapter signs in by `credential` |
 * | `CONFIG_PLAINTEXT` | `encrypt: false` towards a host that is not loopback: a token would cross the network in the clear |
 * | `TOKEN_INVALID` | the credential gave no token, or one without a usable expiry |
 * | `TOKEN_EXPIRED` | the credential gave a token that has expired already |
 * | `TOKEN_REQUEST_FAILED` | the credential threw; `cause` is its error |
 * | `CREDENTIALS_FAILED` | none of several credentials could give a token; `errors` holds what each threw |
 * | `TOKEN_REQUEST_THROTTLED` | Entra ID or the managed identity endpoint was asked too often |
 * | `TOKEN_REQUEST_TIMEOUT` | the credential did not answer in time |
 * | `TOKEN_UNAVAILABLE` | work waited for a valid token as long as it may; `cause` is why there was none |
 * | `TOKEN_REFUSED` | the server does not take the token: expired, not yet valid, for another audience, of another tenant |
 * | `PRINCIPAL_UNKNOWN` | the token is good, but who signs in has no user in the database |
 * | `ENTRA_LOGIN_UNSUPPORTED` | the server takes no Entra logins: a container, or a server on premises |
 * | `LOGIN_FAILED` | the server refused the login for any other reason; `number` and `state` are the server's |
 * | `FIREWALL` | the server does not let this address in |
 * | `DATABASE_NOT_FOUND` | the server has no such database, or none for who signs in |
 * | `DATABASE_UNAVAILABLE` | the database is paused, moving or busy |
 * | `TOO_MANY_CONNECTIONS` | the database is at its limit of sessions or workers |
 * | `SERVER_NOT_FOUND` | there is no server of that name |
 * | `SERVER_UNREACHABLE` | nothing answers at that address and port |
 * | `LOGIN_TIMEOUT` | the server was reached, and had not taken the login in time |
 * | `TLS_FAILED` | the server's certificate was not accepted, or it offers no encryption; the token was not sent |
 * | `CONNECT_FAILED` | no connection to the server could be opened, for any other reason |
 * | `CONNECT_TIMEOUT` | work waited for a free connection as long as it may |
 * | `SESSION_TOKEN_EXPIRED` | the server ended a session because its token had expired; the statement did not run |
 * | `STATEMENT_TOKEN_EXPIRED` | a statement was still running when its connection's token expired |
 * | `STATEMENT_TIMEOUT` | a statement took longer than it may, and was cancelled |
 * | `CONNECTION_LOST` | the connection went away while a statement was under way, which may have run |
 * | `NOT_SENT` | the connection went away before a statement was sent, which did not run |
 * | `TRANSACTION_TOKEN_EXPIRED` | a transaction was still open when its connection's token expired |
 * | `CLOSED` | used after `$disconnect` or `close()` |
 * | `DEPENDENCY_MISSING` | an optional package that is needed here is not installed |
 * | `DRIVER_UNSUPPORTED` | the tedious that is installed is too old, or has changed inside |
 */
export type EntraErrorCode =
  | 'CONFIG_INVALID'
  | 'CONFIG_CREDENTIALS'
  | 'CONFIG_PLAINTEXT'
  | 'TOKEN_INVALID'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_REQUEST_FAILED'
  | 'CREDENTIALS_FAILED'
  | 'TOKEN_REQUEST_THROTTLED'
  | 'TOKEN_REQUEST_TIMEOUT'
  | 'TOKEN_UNAVAILABLE'
  | 'TOKEN_REFUSED'
  | 'PRINCIPAL_UNKNOWN'
  | 'ENTRA_LOGIN_UNSUPPORTED'
  | 'LOGIN_FAILED'
  | 'FIREWALL'
  | 'DATABASE_NOT_FOUND'
  | 'DATABASE_UNAVAILABLE'
  | 'TOO_MANY_CONNECTIONS'
  | 'SERVER_NOT_FOUND'
  | 'SERVER_UNREACHABLE'
  | 'LOGIN_TIMEOUT'
  | 'TLS_FAILED'
  | 'CONNECT_FAILED'
  | 'CONNECT_TIMEOUT'
  | 'SESSION_TOKEN_EXPIRED'
  | 'STATEMENT_TOKEN_EXPIRED'
  | 'STATEMENT_TIMEOUT'
  | 'CONNECTION_LOST'
  | 'NOT_SENT'
  | 'TRANSACTION_TOKEN_EXPIRED'
  | 'CLOSED'
  | 'DEPENDENCY_MISSING'
  | 'DRIVER_UNSUPPORTED'

/** What an {@link EntraError} may carry beside its message. */
export interface EntraErrorDetails {
  /** The error underneath, kept as it was thrown. */
  cause?: unknown
  /** The errors underneath, where there are several, each as it was thrown. */
  errors?: readonly unknown[]
  /** SQL Server's error number, where the server said no. */
  number?: number | undefined
  /** SQL Server's error state, where the server said no. */
  state?: number | undefined
}

/**
 * The one class of errors that this package throws. The message says what failed, why as far as is known, and what to
 * do; its last line names the place in `docs/errors.md` where there is more.
 */
export class EntraError extends Error {
  override readonly name = 'EntraError'
  readonly code: EntraErrorCode
  readonly errors?: readonly unknown[]
  readonly number?: number
  readonly state?: number

  /** @param text - the message without its last line, which is added here */
  constructor(code: EntraErrorCode, text: string, details: EntraErrorDetails = {}) {
    super(text + linkTo(code), 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    if (details.errors !== undefined) this.errors = details.errors
    if (details.number !== undefined) this.number = details.number
    if (details.state !== undefined) this.state = details.state
  }
}

/** A path that is right without a network: the documentation is installed with the package. */
function linkTo(code: EntraErrorCode): string {
  return `\nSee node_modules/prisma-adapter-mssql-entra/docs/errors.md#${code.toLowerCase()}`
}

/** An error's message without the line that says where to read on, for use inside another message. */
export function textOf(error: EntraError): string {
  const link = linkTo(error.code)
  return error.message.endsWith(link) ? error.message.slice(0, -link.length) : error.message
}

/** The first line of an error's message, for use inside another message. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.split('\n', 1)[0]?.trim() || 'no reason given'
}
