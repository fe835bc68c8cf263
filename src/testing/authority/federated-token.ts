import type { JWTPayload } from 'jose'
import { seconds } from './claims.ts'
import type { Principal } from './principals.ts'

/** The audience that Entra ID asks of a federated token. */
export const FEDERATED_AUDIENCE = 'api://AzureADTokenExchange'

/** The `iss` of the federated tokens that the authority writes: the cluster's, were there one. */
export const FEDERATED_ISSUER = 'https://cluster.local.test/'

/** The `sub` of a principal's federated token: the service account that stands for it. */
export function federatedSubject(principal: Principal): string {
  return `system:serviceaccount:default:${principal.name}`
}

/**
 * The claims of a federated token, as a Kubernetes service account token has them.
 *
 * @param now - ms since the epoch
 * @param lifetime - in ms
 */
export function federatedClaims(principal: Principal, now: number, lifetime: number): JWTPayload {
  return {
    iss: FEDERATED_ISSUER,
    sub: federatedSubject(principal),
    aud: FEDERATED_AUDIENCE,
    iat: seconds(now),
    nbf: seconds(now),
    exp: seconds(now + lifetime),
  }
}
