/**
 * What a failure means for the work that met it.
 *
 * - `token`: the server does not accept the token (any more). The statement did not run.
 * - `unavailable`: no connection could be opened, or the server refused the statement, for a reason that may pass. It did
 *   not run.
 * - `not-sent`: the connection was lost before the statement was sent. It did not run.
 * - `lost`: the connection was lost afterwards. The statement may have run.
 * - `read-only`: the database accepts no writes now, or never did. The statement did not run.
 */
export type Failure = 'token' | 'unavailable' | 'not-sent' | 'lost' | 'read-only'

interface ErrorCode {
  /** What went wrong. `docs/errors.md` begins the code's section with it. */
  means: string
  /** Prisma's code for it. Without one, Prisma Client shows ours. Source: Prisma's "Error message reference". */
  prisma?: string
  /** `by-number`: SQL Server's error number decides. Without one, the failure is the work's own, or is permanent. */
  failure?: Failure | 'by-number'
  /**
   * Whether it is most likely a mistake if the adapter has never had a connection. Then work waits only a second for it.
   * Errors without a `failure` are thrown at once anyway.
   */
  mistake?: true
}

/** Every error code, with all that depends on the code alone. `docs/errors.md` has a section for each. */
export const ERROR_CODES = {
  CONFIG_INVALID: { means: 'The connection string, the config object or an option is invalid.' },
  CONFIG_CREDENTIALS: {
    means: 'The config contains a user and password, a token, or an `authentication` of the driver.',
  },
  CONFIG_PLAINTEXT: { means: 'The config has `encrypt: false` for a server that is not on this machine.' },
  DEPENDENCY_MISSING: {
    means: 'A package that only some ways to sign in need, or only the test tools, is not installed.',
  },
  DRIVER_UNSUPPORTED: {
    means: 'The installed driver is too old, or has changed in a place that this package relies on.',
  },
  CLOSED: { means: 'The client or the token source was used after it was closed, or was closed during the work.' },
  TOKEN_REQUEST_FAILED: { means: 'The credential could not get a token.', prisma: 'P1000' },
  CREDENTIALS_FAILED: { means: 'None of several credentials could get a token.', prisma: 'P1000' },
  TOKEN_REQUEST_THROTTLED: {
    means: 'Entra ID or the managed identity endpoint was asked too often.',
    prisma: 'P1000',
  },
  TOKEN_REQUEST_TIMEOUT: { means: 'The credential did not answer in time.', prisma: 'P1000' },
  TOKEN_UNAVAILABLE: { means: 'Work waited too long for a valid token.', prisma: 'P1000' },
  TOKEN_INVALID: {
    means: 'The credential returned nothing, an empty token, or one without a known expiry.',
    prisma: 'P1000',
    mistake: true,
  },
  TOKEN_EXPIRED: { means: 'The credential returned a token that has already expired.', prisma: 'P1000' },
  TOKEN_REFUSED: { means: 'The server does not accept the token.', prisma: 'P1000', failure: 'by-number' },
  PRINCIPAL_UNKNOWN: {
    means: 'Most likely the principal of the token has no user in this database.',
    prisma: 'P1010',
    failure: 'by-number',
  },
  ENTRA_LOGIN_UNSUPPORTED: { means: 'The server does not support Entra logins.', prisma: 'P1000' },
  LOGIN_FAILED: { means: 'The server refused the login for another reason.', prisma: 'P1000', failure: 'by-number' },
  FIREWALL: { means: 'The server does not accept connections from this address or subnet.', prisma: 'P1001' },
  DATABASE_NOT_FOUND: {
    means: 'The server cannot open the database: it does not exist, or this principal has no access.',
    prisma: 'P1003',
    failure: 'by-number',
  },
  DATABASE_UNAVAILABLE: {
    means: 'The database is paused, moving to another node, or busy.',
    prisma: 'P1001',
    failure: 'by-number',
  },
  TOO_MANY_CONNECTIONS: {
    means: 'The database is at its limit of sessions or workers.',
    prisma: 'P2037',
    failure: 'by-number',
  },
  DATABASE_READ_ONLY: { means: 'The database accepts no writes here.', prisma: 'P1001', failure: 'read-only' },
  SERVER_NOT_FOUND: {
    means: 'There is no server with that name, in DNS or at the gateway of Azure SQL.',
    prisma: 'P1001',
    failure: 'unavailable',
    mistake: true,
  },
  SERVER_UNREACHABLE: {
    means: 'Nothing answers at that address and port.',
    prisma: 'P1001',
    failure: 'unavailable',
    mistake: true,
  },
  LOGIN_TIMEOUT: {
    means: 'The server was reached, but the login took too long.',
    prisma: 'P1002',
    failure: 'unavailable',
  },
  TLS_FAILED: {
    means: "The server's certificate was not accepted, or it offers no acceptable encryption.",
    prisma: 'P1011',
  },
  CONNECT_FAILED: {
    means: 'No connection could be opened, for a reason that is not listed above.',
    prisma: 'P1001',
    failure: 'unavailable',
  },
  ON_CONNECT_FAILED: { means: 'Your `onConnect` failed on a new connection.' },
  CONNECT_TIMEOUT: { means: 'Work waited too long for a free connection.', prisma: 'P2024' },
  STATEMENT_TIMEOUT: { means: 'A statement took too long and was canceled.', prisma: 'P1008' },
  CONNECTION_LOST: {
    means: 'The connection was lost while a statement was running.',
    prisma: 'P1017',
    failure: 'lost',
  },
  NOT_SENT: {
    means: 'The connection was closed before the statement was sent.',
    prisma: 'P1017',
    failure: 'not-sent',
  },
  SESSION_TOKEN_EXPIRED: {
    means: 'The server ended the session because its token has expired.',
    prisma: 'P1017',
    failure: 'token',
  },
  STATEMENT_TOKEN_EXPIRED: {
    means: "A statement was still running when its connection's token expired.",
    prisma: 'P1017',
  },
  // P2034 is the code that retry wrappers look for.
  TRANSACTION_TOKEN_EXPIRED: {
    means: "A transaction was still open when its connection's token expired.",
    prisma: 'P2034',
  },
  TRANSACTION_INTERRUPTED: {
    means: 'A transaction was rolled back because its connection was lost, or its database moved or was at its limit.',
    prisma: 'P2034',
  },
} as const satisfies Record<string, ErrorCode>

/** What can go wrong, by a name that does not change between versions. `docs/errors.md` says what to do about each. */
export type EntraErrorCode = keyof typeof ERROR_CODES

/** What depends on an error's code alone. */
export function rowOf(code: EntraErrorCode): ErrorCode {
  return ERROR_CODES[code]
}

/** Whether an error is most likely a mistake, if there has never been a connection. */
export function isMistake(error: unknown): boolean {
  return error instanceof EntraError && rowOf(error.code).mistake === true
}

/** What an {@link EntraError} may have in addition to its message. */
export interface EntraErrorDetails {
  /** The error underneath, kept as it was thrown. */
  cause?: unknown
  /** The errors underneath, if there are several, each as it was thrown. */
  errors?: readonly unknown[]
  /** SQL Server's error number, if the server refused. */
  number?: number | undefined
  /** SQL Server's error state, if the server refused. */
  state?: number | undefined
}

/** Marks the errors of every copy of this package: a process may load it as an ES module and as CommonJS. */
const BRAND = Symbol.for('prisma-adapter-mssql-entra.error')

/**
 * The class of every error that this package throws. The message says what failed, why (as far as is known), and what to
 * do. Its last line names a section of `docs/errors.md`.
 */
export class EntraError extends Error {
  override readonly name = 'EntraError'
  readonly code: EntraErrorCode
  readonly errors?: readonly unknown[]
  readonly number?: number
  readonly state?: number

  /** @param text - the message without its last line, which the constructor adds */
  constructor(code: EntraErrorCode, text: string, details: EntraErrorDetails = {}) {
    super(text + linkTo(code), details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.errors !== undefined) this.errors = details.errors
    if (details.number !== undefined) this.number = details.number
    if (details.state !== undefined) this.state = details.state
  }

  /** @internal */
  static override [Symbol.hasInstance](value: unknown): value is EntraError {
    return typeof value === 'object' && value !== null && BRAND in value
  }

  /** @internal */
  get [BRAND](): true {
    return true
  }

  /** For `JSON.stringify`, which leaves out the message of an error: of the causes only what they say. */
  toJSON(): unknown {
    return jsonOf(this)
  }
}

/** What `JSON.stringify` shows of an error and its causes. Their other properties may hold a request with its secrets. */
export function jsonOf(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error)
  const { name, message, cause, code, number, state, errors } = error as Error & Partial<EntraError>
  const shown = { name, code, message, number, state }
  if (depth === 5) return shown
  return {
    ...shown,
    cause: cause === undefined ? undefined : jsonOf(cause, depth + 1),
    errors: Array.isArray(errors) ? errors.map((each) => jsonOf(each, depth + 1)) : undefined,
  }
}

/** The page, which is installed with the package: right without a network, and short in a log. */
function linkTo(code: EntraErrorCode): string {
  return `\nSee prisma-adapter-mssql-entra/docs/errors.md#${code.toLowerCase()}`
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
