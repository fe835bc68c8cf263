import type { Clock } from '../time/clock.ts'

/** What a step works under. */
export interface Limits {
  clock: Clock
  /** Ends it. */
  signal: AbortSignal
}
