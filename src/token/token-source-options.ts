import type { TokenEvent } from '../events.ts'
import type { Clock, Random } from '../time/clock.ts'
import type { RefreshTiming } from './refresh-policy.ts'

/** Options of a `TokenSource`. */
export interface TokenSourceOptions {
  /** What the tokens are for, such as `https://database.windows.net/.default`. */
  scope: string
  /** A token request that takes longer is given up, in ms. @defaultValue 30_000; 180_000 where a person is asked */
  requestTimeout?: number
  /** When to ask for the next token. */
  timing?: Partial<RefreshTiming>
  /** Called with each event of this source. */
  onEvent?: (event: TokenEvent) => void
  /** For tests. @defaultValue the machine's clock */
  clock?: Clock
  /** For tests. @defaultValue `Math.random` */
  random?: Random
}

/** What a source has done so far. */
export interface TokenSourceStats {
  /** Token requests made. */
  tokensRequested: number
  /** Requests that gave a new token. */
  tokensAcquired: number
  /** Requests that failed. */
  refreshesFailed: number
  /** Those who wait for a token. */
  waiting: number
}

/** How long to wait for a token, and what ends the wait early. */
export interface TokenWait {
  /** In ms. @defaultValue 15_000: the connect timeout of `mssql` */
  timeout?: number
  /** Ends the wait with its reason. */
  signal?: AbortSignal
}

export const DEFAULT_WAIT = 15_000
