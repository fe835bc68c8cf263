import type { TokenEvent } from '../events.ts'
import type { Telemetry } from '../telemetry.ts'
import type { Clock, Random } from '../time/clock.ts'
import type { RefreshTiming } from './refresh-policy.ts'

/** The connect timeout of `mssql`, in ms: how long to wait for a token or a login by default. */
export const DEFAULT_WAIT = 15_000

/** Options of a `TokenSource`. */
export interface TokenSourceOptions {
  /** The scope of the tokens, for example `https://database.windows.net/.default`. */
  scope: string
  /** How long a token request may take, in ms. @defaultValue 30_000; 180_000 if a person is asked */
  requestTimeout?: number
  /** When to request the next token. @defaultValue as for an adapter's `rotation` */
  timing?: Partial<RefreshTiming>
  /** Called with each event of this source. */
  onEvent?: (event: TokenEvent) => void
  /** Measures token requests: `openTelemetry()` of `prisma-adapter-mssql-entra/opentelemetry`. @defaultValue off */
  telemetry?: Telemetry
  /** For tests. @defaultValue the machine's clock */
  clock?: Clock
  /** For tests. @defaultValue `Math.random` */
  random?: Random
}

/** What a token source has done so far. */
export interface TokenSourceStats {
  /** Token requests made. */
  tokensRequested: number
  /** Requests that returned a new token. */
  tokensAcquired: number
  /** Requests that failed. */
  refreshesFailed: number
  /** Pieces of work that wait for a token. */
  waiting: number
}

/** How long to wait for a token, and what ends the wait early. */
export interface TokenWait {
  /** In ms. @defaultValue 15_000: the connect timeout of `mssql` */
  timeout?: number
  /** Ends the wait with its reason. */
  signal?: AbortSignal
}
