export { PrismaMssqlEntra } from './adapter.ts'
export type { Clock, Random, Timer } from './clock.ts'
export { EntraError, type EntraErrorCode } from './errors.ts'
export type {
  AdapterEvent,
  ClockSkewEvent,
  ConnectRetryEvent,
  GenerationClosedEvent,
  GenerationOpenedEvent,
  RotationEvent,
  RotationFailedEvent,
  RotationFinishedEvent,
  RotationReason,
  RotationStartedEvent,
  TokenAcquiredEvent,
  TokenEvent,
  TokenRefreshFailedEvent,
  TokenUnchangedEvent,
} from './events.ts'
export type { PrismaMssqlEntraOptions, RotationOptions } from './options.ts'
export type { AdapterStats, GenerationStats } from './stats.ts'
export type { Lease } from './token/lease.ts'
export type { RefreshTiming } from './token/refresh-policy.ts'
export { TokenSource, type TokenSourceOptions, type TokenSourceStats } from './token/token-source.ts'
