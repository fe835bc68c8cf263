import type { JWK } from 'jose'

/** What it takes to verify an access token: who may have signed it, for whom, and with which keys. */
export interface TokenVerification {
  /** The `iss` claims to accept. */
  issuer: string | string[]
  /** The `aud` claims to accept. */
  audience: string | string[]
  /** The public keys (RFC 7517), found by `kid`. */
  jwks: { keys: JWK[] }
}
