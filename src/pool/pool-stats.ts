import type { PoolConnection } from './connection.ts'
import type { Connections } from './connections.ts'
import type { Logins } from './logins.ts'
import type { Queue } from './queue.ts'
import type { Rotation } from './rotation.ts'

/** What a pool has and does, as a health endpoint would show it. */
export interface PoolStats {
  /** Connections that are logged in. */
  open: number
  /** Of those, the ones that work runs on. */
  busy: number
  /** Connections that are logging in. */
  connecting: number
  /** Queries and transactions that wait for a connection. */
  waiting: number
  /** Rotations finished. */
  rotations: number
  /** When the first token in use expires, in ms since the epoch; undefined where no connection is open. */
  tokenExpiresOn: number | undefined
}

export function poolStats<C extends PoolConnection>(
  { all, size, lent }: Connections<C>,
  logins: Logins<C>,
  queue: Queue<C>,
  rotation: Rotation,
): PoolStats {
  return {
    open: size,
    busy: lent,
    connecting: logins.underWay,
    waiting: queue.length,
    rotations: rotation.finished,
    tokenExpiresOn: size === 0 ? undefined : Math.min(...all.map(({ connection }) => connection.lease.expiresOn)),
  }
}
