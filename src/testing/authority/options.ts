import type { JWTPayload } from 'jose'
import type { Clock } from '../../time/clock.ts'
import type { CertificateAuthority } from '../../x509/certificates.ts'
import type { AuthorityEvent } from './events.ts'
import type { Principal } from './principals.ts'

/** Options of `startAuthority`. */
export interface AuthorityOptions {
  /** How long tokens live, in ms. @defaultValue 3_600_000 (1 h) */
  tokenLifetime?: number
  /** Who can sign in. @defaultValue `defaultPrincipals()` */
  principals?: readonly Principal[]
  /** Port of the identity endpoints (HTTP) on 127.0.0.1. @defaultValue any that is free */
  httpPort?: number
  /** Port of Entra ID (HTTPS) on 127.0.0.1. @defaultValue any that is free */
  httpsPort?: number
  /** Who certifies the HTTPS server. @defaultValue a new one */
  certificateAuthority?: CertificateAuthority
  /** Called with each token that an endpoint issues or refuses. Must not throw. */
  onEvent?: (event: AuthorityEvent) => void
  /** The clock for the times of tokens, and for delays. @defaultValue the machine's clock */
  clock?: Clock
}

/** Options of `authority.issueToken`. */
export interface IssueTokenOptions {
  /** Name of the principal. @defaultValue the first one */
  principal?: string
  /** The `aud` claim. @defaultValue 'https://database.windows.net/' */
  audience?: string
  /** The lifetime in ms; if it is negative, the token has already expired. @defaultValue the authority's `tokenLifetime` */
  lifetime?: number
  /** From when on the token is valid, in ms since the epoch. @defaultValue now */
  notBefore?: number
  /** Override the principal's claims; `undefined` removes one. */
  claims?: JWTPayload
}

/** Options that make a credential of `@azure/identity` in this process use the authority. */
export interface AuthorityClientOptions {
  authorityHost: string
  /** Keeps MSAL from asking `login.microsoftonline.com` whether the authority is one. */
  disableInstanceDiscovery: true
  /** The certificate authority to trust. */
  tlsOptions: { ca: string }
}

/** Options of `authority.writeFederatedToken`. */
export interface FederatedTokenOptions {
  /** Name of the principal. @defaultValue the first application */
  principal?: string
  /** The lifetime in ms. @defaultValue 3_600_000 (1 h) */
  lifetime?: number
  /** Override the token's claims. */
  claims?: JWTPayload
}
