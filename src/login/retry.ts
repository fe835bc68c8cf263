import type { EntraError } from '../errors/entra-error.ts'
import type { ConnectRetryEvent } from '../events.ts'
import { type Clock, type Random, Stopwatch, sleep } from '../time/clock.ts'
import type { Lease } from '../token/lease.ts'
import type { TokenSource } from '../token/token-source.ts'
import { failureOf } from './refusals.ts'

/** When to retry a login. All durations in ms. */
export interface ConnectTiming {
  /**
   * How long work waits for a database that is paused, moving or busy, or a server that cannot be reached, in ms.
   *
   * @defaultValue 60_000
   */
  connectRetryTimeout: number
  /**
   * The wait before the second attempt, in ms. Each later wait is twice as long, up to 5 s; up to 0.8 s in the first 30 s
   * after a database went away. @defaultValue 500
   */
  connectRetryInterval: number
}

/**
 * Microsoft advises to wait 5 to 60 s between attempts, because each of them may be one of many. Here a client makes one
 * for all of its work, so that work continues soon after the server is back, and a fleet still spreads its logins.
 */
export const defaultConnectTiming: ConnectTiming = { connectRetryTimeout: 60_000, connectRetryInterval: 500 }

const MAX_INTERVAL = 5_000

/**
 * The longest wait for a database that moves: with the login after it, work continues within a second of the database's
 * return. In a move of 10 s that makes 14 attempts instead of 5; a pool that does not wait makes one for each query. A
 * server that refuses because it is busy gets the longer waits, as its throttling needs.
 */
const MOVE_INTERVAL = 800

/** After so many attempts, about 30 s, it is more than a move: longer waits are a smaller share of the outage. */
const MOVE_ATTEMPTS = 40

/**
 * The wait before the next attempt, in ms. Takes off up to a fifth at random, so that many instances do not come back
 * together. Pure.
 *
 * @param attempt - how many have failed, 1 for the first
 * @param random - from 0 to 1
 * @param isMove - whether it may be over any moment, and this is the only attempt for all of a client's work
 */
export function connectRetryInterval(attempt: number, random: number, timing: ConnectTiming, isMove = false): number {
  const { connectRetryInterval: first } = timing
  const longest = isMove && attempt <= MOVE_ATTEMPTS ? MOVE_INTERVAL : MAX_INTERVAL
  const interval = Math.min(first * 2 ** Math.min(attempt - 1, 16), Math.max(first, longest))
  return interval * (1 - random / 5)
}

/** Options of {@link openWithRetries}. */
interface RetryOptions {
  tokenSource: TokenSource
  timing: ConnectTiming & { waitTimeout: number }
  clock: Clock
  random: Random
  signal: AbortSignal
  emit: (event: ConnectRetryEvent) => void
  /** Whether to ask the credential for another token if the server refuses this one. */
  isReplaceable: (lease: Lease) => boolean
  /** Whether this database could be opened before. */
  databaseWasOpened: boolean
  /** Whether to wait after a failure that may pass. */
  isWorthWaiting: (error: EntraError) => boolean
}

/**
 * Gets a lease and opens something with it. Replaces a token that the server refuses once. Waits for a server that
 * cannot be reached, or a database that is not ready, up to `connectRetryTimeout`.
 *
 * @throws the last failure
 */
export async function openWithRetries<Opened>(
  open: (lease: Lease, signal: AbortSignal) => Promise<Opened>,
  options: RetryOptions,
): Promise<{ lease: Lease; opened: Opened }> {
  const { tokenSource, timing, clock, random, signal, emit } = options
  const wait = { timeout: timing.waitTimeout, signal }
  let tokenRefused = false
  let elapsed: Stopwatch | undefined
  for (let attempt = 1; ; ) {
    const lease = await tokenSource.get(wait)
    elapsed ??= new Stopwatch(clock)
    try {
      return { lease, opened: await open(lease, signal) }
    } catch (error) {
      signal.throwIfAborted()
      const failure = failureOf(error, options.databaseWasOpened)
      if (failure === 'token' && !tokenRefused && options.isReplaceable(lease)) {
        tokenRefused = true
        if ((await tokenSource.refused(lease, error, wait)) !== undefined) continue
      }
      const left = elapsed.left(timing.connectRetryTimeout)
      if (failure !== 'unavailable' || left <= 0 || !options.isWorthWaiting(error as EntraError)) throw error
      const retryInMs = Math.min(connectRetryInterval(attempt, random(), timing), left)
      emit({ type: 'connect.retry', at: clock.now(), error: error as Error, attempt, retryInMs })
      attempt++
      await sleep(clock, retryInMs, signal)
    }
  }
}
