/** Waits that suit tokens which live for seconds: the defaults are for tokens of an hour. All in ms. */

/** How long a connection may take to open. */
export const CONNECT_TIMEOUT = 4_000
/** How long the credential may take to answer. */
export const TOKEN_REQUEST_TIMEOUT = 3_000
/** How long work waits for a token. */
export const WAIT_TIMEOUT = 15_000
/** The first wait before a connection is tried again. */
export const CONNECT_RETRY_INTERVAL = 500
/** Of interactive transactions: none is to fail for Prisma's own clock. */
export const TRANSACTION_TIMEOUT = 60_000

/** Work does not give up sooner than this where waiting may help. */
export const PATIENCE = WAIT_TIMEOUT - 1_000

/** A transaction no longer than this ends before its token does, with nothing wrong: a rotation comes earlier. */
export const safeTransaction = (tokenLife: number) => tokenLife / 5
