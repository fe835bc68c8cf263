import type { JWTPayload } from 'jose'
import type { Clock } from '../../time/clock.ts'
import type { CertificateAuthority } from '../../x509/certificates.ts'
import type { AuthorityEvent } from './events.ts'
import type { Principal } from './principals.ts'

/** How `startAuthority` is to start. */
export interface AuthorityOptions {
  /** How long tokens live, in ms. @defaultValue 3_600_000 (1 h) */
  tokenLifetime?: number
  /** Who can be signed in. @defaultValue `defaultPrincipals()` */
  principals?: readonly Principal[]
  /** Port of the identity endpoints (HTTP) on 127.0.0.1. @defaultValue any that is free */
  httpPort?: number
  /** Port of Entra ID (HTTPS) on 127.0.0.1. @defaultValue any that is free */
  httpsPort?: number
  /** Who certifies the HTTPS server. @defaultValue a new one */
  certificateAuthority?: CertificateAuthority
  /** Called with each token that an endpoint gives or refuses. Must not throw. */
  onEvent?: (event: AuthorityEvent) => void
  /** Where tokens get their times, and delays theirs. @defaultValue the machine's */
  clock?: Clock
}

/** What `authority.issueToken` is to make. */
export interface IssueTokenOptions {
  /** Name of the principal. @defaultValue the first one */
  principal?: string
  /** The `aud` claim. @defaultValue 'https://database.windows.net/' */
  audience?: string
  /** In ms; a negative one makes a token that is past. @defaultValue the authority's `tokenLifetime` */
  lifetime?: number
  /** From when on it is good, in ms since the epoch. @defaultValue now */
  notBefore?: number
  /** Laid over the claims that the principal has; `undefined` takes one away. */
  claims?: JWTPayload
}

/** What makes a credential of `@azure/identity` use the authority inside this process. */
export interface AuthorityClientOptions {
  authorityHost: string
  /** Keeps MSAL from asking `login.microsoftonline.com` whether the authority is one. */
  disableInstanceDiscovery: true
  /** The certificate authority to trust. */
  tlsOptions: { ca: string }
}

/** What `authority.writeFederatedToken` is to write. */
export interface FederatedTokenOptions {
  /** Name of whom the token stands for. @defaultValue the first application */
  principal?: string
  /** In ms. @defaultValue 3_600_000 (1 h) */
  lifetime?: number
  /** Laid over the token's claims. */
  claims?: JWTPayload
}
