import { loginTooSlow, poolTimedOut } from './pool-errors.ts'
import type { PoolSettings } from './settings.ts'

/** How long work may wait as things stand, and what it is told after that. */
export interface WaitLimit {
  /** In ms. */
  timeout: number
  error(): unknown
}

/** What work waits for. */
export interface Wait {
  /** Whether a connection is open that may yet be given back. */
  served: boolean
  /** How long every login has waited for a token, in ms; undefined if one has its token. */
  tokenWait: number | undefined
  /** Why the last login failed. */
  loginError: unknown
  /** What is told where no token came. @param waited - in ms */
  noToken(waited: number): unknown
}

/**
 * One limit for each thing that work waits for: a free connection, a token, a server that accepts no login. If a login
 * failed and the next one waits for a token, the server is what the work has waited for, until the token takes longer.
 */
export function waitLimit({ served, tokenWait, loginError, noToken }: Wait, settings: PoolSettings): WaitLimit {
  const { max, poolTimeout, waitTimeout, connectRetryTimeout } = settings
  const longest = Math.max(poolTimeout, connectRetryTimeout)
  if (served && loginError === undefined) return { timeout: poolTimeout, error: () => poolTimedOut(max, poolTimeout) }
  if (served) return { timeout: longest, error: () => loginError }
  if (tokenWait !== undefined && loginError !== undefined && tokenWait < waitTimeout) {
    return { timeout: longest, error: () => loginError }
  }
  if (tokenWait !== undefined) return { timeout: waitTimeout, error: () => noToken(waitTimeout) }
  // The login that is under way settles it, or the one after; this is for one that never ends.
  const timeout = longest + waitTimeout
  return { timeout, error: () => loginError ?? loginTooSlow(timeout) }
}
