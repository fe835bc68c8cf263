/** Causes that say that the statement did not run, or that the transaction was rolled back. */
const DID_NOT_RUN = new Set([
  'NOT_SENT',
  'SESSION_TOKEN_EXPIRED',
  'TRANSACTION_TOKEN_EXPIRED',
  'TOKEN_UNAVAILABLE',
  'CONNECT_FAILED',
  'CONNECT_TIMEOUT',
  'P2028 not started in time',
])

/** Whether work that failed so may have taken effect nevertheless. What says that it did not is held to its word. */
export function mayHaveRun(cause: string): boolean {
  return !DID_NOT_RUN.has(cause) && !cause.startsWith('LOGIN_FAILED')
}
