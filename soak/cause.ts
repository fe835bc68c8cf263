interface Link {
  code?: unknown
  name?: unknown
  message?: unknown
  meta?: { driverAdapterError?: unknown }
  cause?: unknown
  originalCode?: unknown
}

/** Codes of Prisma that say less than what they stand for. */
const REWRITTEN = new Set<unknown>(['P2010', 'P2034', 'P2039'])

/**
 * By what name a failure of Prisma Client is counted: the adapter's own code, with the server's number for a refused
 * login, where the adapter says why; else Prisma's code, or the error's name.
 */
export function causeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const { code, name, message, meta, cause, originalCode } = error as Link
  const text = typeof message === 'string' ? message : ''
  if (code === 'P2028') return `P2028 ${transactionApiError(text)}`
  if (code === 'LOGIN_FAILED') return `LOGIN_FAILED ${/\(error (\d+),/.exec(text)?.[1] ?? '?'}`
  if (REWRITTEN.has(code) && meta?.driverAdapterError !== undefined) return causeOf(meta.driverAdapterError)
  if (typeof code === 'string') return code
  // The official adapter's error keeps the driver's code, or ours, in a cause that is no error itself.
  if (typeof originalCode === 'string') return originalCode
  if (cause !== undefined && typeof cause === 'object') return causeOf(cause)
  return typeof name === 'string' ? name : 'unknown'
}

/** Prisma has one code for all that can go wrong with an interactive transaction. */
function transactionApiError(message: string): string {
  if (/unable to start a transaction/i.test(message)) return 'not started in time'
  if (/timeout for this transaction/i.test(message)) return 'took too long'
  return 'other'
}
