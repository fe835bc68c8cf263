import type { ConnectRetryEvent } from '../events.ts'
import { type Clock, type Random, Stopwatch } from '../time/clock.ts'
import { sleep } from '../time/sleep.ts'
import type { Lease } from '../token/lease.ts'
import type { TokenSource } from '../token/token-source.ts'
import { failureOf } from './failure.ts'

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

/** What {@link openWithRetries} needs. */
export interface OpenAttempt<Opened> {
  source: TokenSource
  /** Opens what is wanted with a lease's token. */
  open: (lease: Lease, signal: AbortSignal) => Promise<Opened>
  timing: ConnectTiming & { waitTimeout: number }
  clock: Clock
  random: Random
  signal: AbortSignal
  emit: (event: ConnectRetryEvent) => void
  /** Whether a token that the server refuses is worth asking the credential for another one. @defaultValue it is */
  replaceable?: (lease: Lease) => boolean
  /** Whether this database could be opened before. */
  databaseWasOpened: boolean
  /** Asked after each failure that may pass: whether somebody is waiting, so that this attempt must go on. */
  patient: (error: unknown) => boolean
}

/**
 * Gets a lease and opens something with it. A token that the server refuses is replaced once; a server that cannot be
 * reached, or a database that is not ready, is waited for while somebody waits.
 *
 * @throws the last failure
 */
export async function openWithRetries<Opened>(attempt: OpenAttempt<Opened>): Promise<{ lease: Lease; opened: Opened }> {
  const { source, clock, timing, signal } = attempt
  let tokenRefused = false
  let wait: Stopwatch | undefined
  for (let failures = 0; ; ) {
    const lease = await source.get({ timeout: timing.waitTimeout, signal })
    wait ??= new Stopwatch(clock)
    try {
      return { lease, opened: await attempt.open(lease, signal) }
    } catch (error) {
      signal.throwIfAborted()
      const failure = failureOf(error, attempt.databaseWasOpened)
      if (failure === 'token' && !tokenRefused && (attempt.replaceable?.(lease) ?? true)) {
        tokenRefused = true
        const next = await source.refused(lease, error, { timeout: timing.waitTimeout, signal })
        if (next !== undefined) continue
      }
      if (failure !== 'unavailable' || !attempt.patient(error)) throw error
      const retryInMs = connectRetryDelay(++failures, wait.elapsed, attempt.random(), timing)
      if (retryInMs === undefined) throw error
      attempt.emit({ type: 'connect.retry', at: clock.now(), error: error as Error, attempt: failures, retryInMs })
      await sleep(clock, retryInMs, signal)
    }
  }
}
