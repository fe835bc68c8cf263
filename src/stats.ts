import type { PoolStats } from './pool/pool-stats.ts'
import type { TokenSourceStats } from './token/token-source.ts'

/** What `adapter.stats()` gives. Numbers only: nothing here is secret. */
export interface AdapterStats extends TokenSourceStats {
  /** Rotations finished. */
  rotations: number
  /** Connections that are logged in. */
  connectionsOpen: number
  /** Connections that are logging in. */
  connecting: number
  /** Queries and transactions at work. */
  inFlight: number
  /** Queries and transactions that wait for a connection, or for a token to open one with. */
  waiting: number
  /** When the first token in use expires, in ms since the epoch; undefined where no connection is open. */
  tokenExpiresOn: number | undefined
  /** Seconds left on that token; below 0 when it has expired. */
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
