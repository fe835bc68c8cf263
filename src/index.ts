export { PrismaMssqlEntra } from './adapter.ts'
export { serviceConnectorConfig } from './config/service-connector.ts'
export type { CredentialFunction, CredentialFunctionOptions, CredentialLike } from './credentials/credential.ts'
export type { AuthenticationMethod, AuthenticationName, IdentityOptions } from './credentials/methods.ts'
export type { SignInOptions } from './credentials/sign-in-options.ts'
export type { NewConnection, OnConnect } from './driver/on-connect.ts'
export { EntraError, type EntraErrorCode } from './errors/entra-error.ts'
export type { EntraErrorMeta } from './errors/prisma-error.ts'
export type {
  AdapterEvent,
  ClockSkewEvent,
  CloseReason,
  ConfigWarningEvent,
  ConnectionClosedEvent,
  ConnectionOpenedEvent,
  ConnectRetryEvent,
  InexactDecimalEvent,
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
export type { AdapterStats } from './pool/stats.ts'
export type { Telemetry } from './telemetry.ts'
export type { Clock, Random, Timer } from './time/clock.ts'
export type { Lease } from './token/lease.ts'
export type { RefreshTiming } from './token/refresh-policy.ts'
export { TokenSource } from './token/token-source.ts'
export type { TokenSourceOptions, TokenSourceStats, TokenWait } from './token/token-source-options.ts'
