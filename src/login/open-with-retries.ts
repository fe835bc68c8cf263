import type { ConnectRetryEvent } from '../events.ts'
import { type Clock, type Random, Stopwatch, sleep } from '../time/clock.ts'
import type { Lease } from '../token/lease.ts'
import type { TokenSource } from '../token/token-source.ts'
import { failureOf } from './failure.ts'
import { type ConnectTiming, connectRetryDelay } from './retry-policy.ts'

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
