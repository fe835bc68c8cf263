import { EntraError } from '../errors/entra-error.ts'

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
 * What a transaction fails with whose token has expired: it was rolled back and may be run again. Prisma Client shows it
 * as P2034, the code that retry wrappers look for.
 */
export function transactionExpired(expiresOn: number, cause?: unknown): EntraError {
  return new EntraError(
    'TRANSACTION_TOKEN_EXPIRED',
    `The transaction was still open when the token of its connection expired (${iso(expiresOn)}), and was rolled back. ` +
      'It can be run again. Transactions must be shorter than the time between the refresh of a token and its expiry.',
    cause === undefined ? {} : { cause },
  )
}

/** The same for one whose session the server ended for its token, whatever the local clock says of it. */
export function transactionRefused(cause: unknown): EntraError {
  return new EntraError(
    'TRANSACTION_TOKEN_EXPIRED',
    'The server ended the session of the transaction because it takes its token no longer, and the transaction was ' +
      'rolled back. It can be run again.',
    { cause },
  )
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
