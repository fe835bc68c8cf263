import { EntraError, type EntraErrorCode, jsonOf, rowOf } from './entra-error.ts'

/** What Prisma Client shows as `meta` of an error that this package threw. */
export interface EntraErrorMeta {
  /** What went wrong: this package's own code. */
  code: EntraErrorCode
  /** SQL Server's error number, if the server refused. */
  number?: number
  /** SQL Server's error state, if the server refused. */
  state?: number
  /** The error itself, with its `cause` and `errors`. */
  driverAdapterError: EntraError
}

/**
 * An error in the form that Prisma Client accepts from a driver adapter: it turns anything with a `code` and a `message`
 * into a `PrismaClientKnownRequestError` with these and its `meta`. A `DriverAdapterError` would lose the message, since
 * Prisma has its own text for each kind.
 */
export class PrismaCodeError extends Error {
  override readonly name = 'PrismaCodeError'
  /** Prisma's, for example `P1001`. */
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

  /** As of {@link EntraError}. */
  toJSON(): object {
    const { name, code, message, cause } = this
    return { name, code, message, meta: { ...this.meta, driverAdapterError: undefined }, cause: jsonOf(cause) }
  }
}

/** What to throw to Prisma Client for an error. */
export function prismaError(error: unknown): unknown {
  if (!(error instanceof EntraError)) return error
  const code = rowOf(error.code).prisma
  return code === undefined ? error : new PrismaCodeError(code, error)
}
