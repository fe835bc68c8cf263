export { createCertificateAuthority } from '../x509/certificates.ts'
export { Authority, startAuthority } from './authority/authority.ts'
export type { EnvironmentKind } from './authority/environment.ts'
export type { AuthorityEvent } from './authority/events.ts'
export type { Fault } from './authority/faults.ts'
export type {
  AuthorityClientOptions,
  AuthorityOptions,
  FederatedTokenOptions,
  IssueTokenOptions,
} from './authority/options.ts'
export { defaultPrincipals, type Principal, type PrincipalKind } from './authority/principals.ts'
export type { AuthorityStats } from './authority/statistics.ts'
export type { IssuedToken } from './authority/token-issuer.ts'
export type { InjectedFault } from './fault-list.ts'
export type { GatewayEvent } from './gateway/events.ts'
export type { FaultAction, FaultError, GatewayFault, Stage } from './gateway/faults.ts'
export { type DropOptions, Gateway, type GatewayOptions, type PrincipalLogin, startGateway } from './gateway/gateway.ts'
export type { RedirectOptions } from './gateway/redirect.ts'
export { GATEWAY_RULES, type GatewayKind, type GatewayRule, type RuleChoice } from './gateway/rules.ts'
export type { GatewayStats, LateRequest } from './gateway/stats.ts'
export type { TokenVerification } from './gateway/token-check.ts'
export type { LoginAnswerOptions, Upstream } from './gateway/upstream.ts'
