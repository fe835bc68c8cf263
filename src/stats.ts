import type { PoolStats } from './pool/pool-stats.ts'
import type { TokenSourceStats } from './token/token-source-options.ts'

/** What `adapter.stats()` returns, over all clients of the adapter. Numbers only: nothing here is secret. */
export interface AdapterStats extends TokenSourceStats {
  /** Rotations that have finished. */
  rotations: number
  /** Connections that are logged in, at work or idle. */
  connectionsOpen: number
  /** Connections that are logging in. */
  connecting: number
  /** Connections that a query or a transaction runs on. */
  inFlight: number
  /** Queries and transactions that wait for a connection, or for a token to open one with. */
  waiting: number
  /** When the first token of an open connection expires, in ms since the epoch; undefined if none is open. */
  tokenExpiresOn: number | undefined
  /** The time left on that token, in s; below 0 only with `sessionsOutliveTokens`. */
  tokenSecondsLeft: number | undefined
}

/** Adds up what the pools of an adapter's connected clients are doing. */
export function statsOf(
  token: TokenSourceStats,
  pools: readonly PoolStats[],
  rotationsBefore: number,
  now: number,
): AdapterStats {
  const sum = (name: 'rotations' | 'open' | 'connecting' | 'busy' | 'waiting') =>
    pools.reduce((total, pool) => total + pool[name], 0)
  const expiries = pools.flatMap(({ tokenExpiresOn }) => tokenExpiresOn ?? [])
  const tokenExpiresOn = expiries.length === 0 ? undefined : Math.min(...expiries)
  return {
    ...token,
    rotations: rotationsBefore + sum('rotations'),
    connectionsOpen: sum('open'),
    connecting: sum('connecting'),
    inFlight: sum('busy'),
    waiting: sum('waiting'),
    tokenExpiresOn,
    tokenSecondsLeft: tokenExpiresOn === undefined ? undefined : Math.round((tokenExpiresOn - now) / 1000),
  }
}
