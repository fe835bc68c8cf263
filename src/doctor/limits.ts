import type { Clock } from '../clock.ts'

/** What a step works under. */
export interface Limits {
  clock: Clock
  /** Ends it. */
  signal: AbortSignal
}
