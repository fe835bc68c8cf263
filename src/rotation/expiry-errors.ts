import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { EntraError } from '../errors.ts'

/** What a statement fails with that was cut at its token's end. */
export function statementExpired(expiresOn: number, cause: unknown): EntraError {
  return new EntraError(
    'STATEMENT_TOKEN_EXPIRED',
    `The statement was still running when the token of its connection expired (${iso(expiresOn)}), and its connection ` +
      'was closed. Whether it took effect is not known. Statements must be shorter than the time between the refresh ' +
      'of a token and its expiry.',
    { cause },
  )
}

/**
 * What a transaction fails with whose token has expired. It comes to the user as Prisma's P2034, the code that retry
 * wrappers look for: the transaction was rolled back and may be run again. The cause says why.
 */
export function transactionExpired(expiresOn: number, cause?: unknown): DriverAdapterError {
  const message =
    `The transaction was still open when the token of its connection expired (${iso(expiresOn)}), and was rolled back. ` +
    'It can be run again. Transactions must be shorter than the time between the refresh of a token and its expiry.'
  const why = new EntraError('TRANSACTION_TOKEN_EXPIRED', message, cause === undefined ? {} : { cause })
  const error = new DriverAdapterError({
    kind: 'TransactionWriteConflict',
    originalCode: why.code,
    originalMessage: why.message,
  })
  // Of a COMMIT that fails Prisma Client makes nothing: it comes to the user as it is.
  return Object.assign(error, { code: 'P2034', message: why.message })
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
