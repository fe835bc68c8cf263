import { EntraError, type EntraErrorCode } from './entra-error.ts'

/** What Prisma Client shows as `meta` of an error that this package threw. */
export interface EntraErrorMeta {
  /** What went wrong, by this package's own name for it. */
  code: EntraErrorCode
  /** SQL Server's error number, where the server said no. */
  number?: number
  /** SQL Server's error state, where the server said no. */
  state?: number
  /** The error itself, with its `cause` and `errors`. */
  driverAdapterError: EntraError
}

/**
 * An error in the form that Prisma Client takes from a driver adapter: of anything with a `code` and a `message` it
 * makes a `PrismaClientKnownRequestError` with these, and with its `meta`. A `DriverAdapterError` would lose the
 * message: Prisma has a text of its own for each kind.
 */
export class PrismaCodeError extends Error {
  override readonly name = 'PrismaCodeError'
  /** Prisma's: `P1001` for one. */
  readonly code: string
  readonly meta: EntraErrorMeta

  constructor(code: string, cause: EntraError) {
    super(cause.message, { cause })
    this.code = code
    const { number, state } = cause
    this.meta = {
      code: cause.code,
      ...(number !== undefined && { number }),
      ...(state !== undefined && { state }),
      driverAdapterError: cause,
    }
  }
}

/**
 * Prisma's code for each of ours; where it has none that fits, ours is shown.
 *
 * Source: Prisma's documentation, "Error message reference".
 */
const PRISMA_CODES: Readonly<Partial<Record<EntraErrorCode, string>>> = {
  // Authentication failed.
  TOKEN_INVALID: 'P1000',
  TOKEN_EXPIRED: 'P1000',
  TOKEN_REQUEST_FAILED: 'P1000',
  CREDENTIALS_FAILED: 'P1000',
  TOKEN_REQUEST_THROTTLED: 'P1000',
  TOKEN_REQUEST_TIMEOUT: 'P1000',
  TOKEN_UNAVAILABLE: 'P1000',
  TOKEN_REFUSED: 'P1000',
  ENTRA_LOGIN_UNSUPPORTED: 'P1000',
  LOGIN_FAILED: 'P1000',
  // Cannot reach the database server.
  FIREWALL: 'P1001',
  DATABASE_UNAVAILABLE: 'P1001',
  SERVER_NOT_FOUND: 'P1001',
  SERVER_UNREACHABLE: 'P1001',
  CONNECT_FAILED: 'P1001',
  // The server was reached, but timed out.
  LOGIN_TIMEOUT: 'P1002',
  DATABASE_NOT_FOUND: 'P1003',
  // Operations timed out.
  STATEMENT_TIMEOUT: 'P1008',
  // The user was denied access to the database.
  PRINCIPAL_UNKNOWN: 'P1010',
  // A TLS connection could not be opened.
  TLS_FAILED: 'P1011',
  // The server has closed the connection.
  CONNECTION_LOST: 'P1017',
  NOT_SENT: 'P1017',
  SESSION_TOKEN_EXPIRED: 'P1017',
  STATEMENT_TOKEN_EXPIRED: 'P1017',
  // Timed out fetching a connection from the pool.
  CONNECT_TIMEOUT: 'P2024',
  // The transaction failed and may be retried: what wrappers that do so look for.
  TRANSACTION_TOKEN_EXPIRED: 'P2034',
  TOO_MANY_CONNECTIONS: 'P2037',
}

/** What Prisma Client is to be thrown for an error: pure. */
export function prismaError(error: unknown): unknown {
  if (!(error instanceof EntraError)) return error
  const code = PRISMA_CODES[error.code]
  return code === undefined ? error : new PrismaCodeError(code, error)
}
