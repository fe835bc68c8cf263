/** When to try a login again that failed for a reason that may pass: pure functions. All durations in ms. */

/** The numbers of it. */
export interface ConnectTiming {
  /**
   * How long work waits for a database that is paused, moving or busy, or a server that cannot be reached, in ms.
   *
   * @defaultValue 60_000
   */
  connectRetryTimeout: number
  /** The wait before the second attempt, in ms. Each later wait is twice as long, up to a minute. @defaultValue 5_000 */
  connectRetryInterval: number
}

/** Microsoft's advice for transient errors of Azure SQL: first 5 s, doubling, up to 60 s. */
export const defaultConnectTiming: ConnectTiming = { connectRetryTimeout: 60_000, connectRetryInterval: 5_000 }

const MAX_INTERVAL = 60_000

/**
 * How long to wait before the next attempt; undefined where the time is up. Up to a fifth is taken off at random, so
 * that many instances do not come back together.
 *
 * @param attempt - how many have failed, 1 for the first
 * @param spent - since the first attempt began
 * @param random - from 0 to 1
 */
export function connectRetryDelay(
  attempt: number,
  spent: number,
  random: number,
  timing: ConnectTiming,
): number | undefined {
  const left = timing.connectRetryTimeout - spent
  if (left <= 0) return undefined
  return Math.min(connectRetryInterval(attempt, random, timing), left)
}

/** The same for a wait that has no end. */
export function connectRetryInterval(attempt: number, random: number, timing: ConnectTiming): number {
  const interval = Math.min(timing.connectRetryInterval * 2 ** Math.min(attempt - 1, 16), MAX_INTERVAL)
  return interval * (1 - random / 5)
}
