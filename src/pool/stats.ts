import type { TokenSourceStats } from '../token/token-source-options.ts'

/** What the pool of one client has and does. */
export interface PoolStats {
  /** Rotations that have finished. */
  rotations: number
  /** Connections that are logged in, busy or idle. */
  connectionsOpen: number
  /** Connections that are logging in. */
  connecting: number
  /** Connections that a query or a transaction runs on. */
  inFlight: number
  /** Queries and transactions that wait for a connection, for a token to open one with, or for a new primary. */
  waiting: number
  /** When the first token of an open connection expires, in ms since the epoch; undefined if none is open. */
  tokenExpiresOn: number | undefined
}

/** What `adapter.stats()` returns, over all clients of the adapter. Numbers only: nothing here is secret. */
export interface AdapterStats extends TokenSourceStats, PoolStats {
  /** The time left on that token, in s; below 0 only with `sessionsOutliveTokens`. */
  tokenSecondsLeft: number | undefined
}

/** Adds up the numbers of an adapter's pools. */
export function statsOf(
  token: TokenSourceStats,
  pools: readonly PoolStats[],
  rotationsBefore: number,
  now: number,
): AdapterStats {
  const sum = (name: Exclude<keyof PoolStats, 'tokenExpiresOn'>) => pools.reduce((total, pool) => total + pool[name], 0)
  const expiries = pools.flatMap(({ tokenExpiresOn }) => tokenExpiresOn ?? [])
  const tokenExpiresOn = expiries.length === 0 ? undefined : Math.min(...expiries)
  return {
    ...token,
    rotations: rotationsBefore + sum('rotations'),
    connectionsOpen: sum('connectionsOpen'),
    connecting: sum('connecting'),
    inFlight: sum('inFlight'),
    waiting: sum('waiting'),
    tokenExpiresOn,
    tokenSecondsLeft: tokenExpiresOn === undefined ? undefined : Math.round((tokenExpiresOn - now) / 1000),
  }
}
