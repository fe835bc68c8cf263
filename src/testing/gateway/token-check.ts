import type { JWK, JWTPayload } from 'jose'
import { EntraError } from '../../errors/entra-error.ts'
import type { Clock } from '../../time/clock.ts'
import { TokenRefusal, tokenRefused } from './azure-errors.ts'

/** What it takes to verify an access token: who may have signed it, for whom, and with which keys. */
export interface TokenVerification {
  /** The `iss` claims to accept. */
  issuer: string | string[]
  /** The `aud` claims to accept. */
  audience: string | string[]
  /** The public keys (RFC 7517), found by `kid`. */
  jwks: { keys: JWK[] }
  /** Tokens to treat as expired although they are not. @defaultValue none */
  isExpired?: (token: string) => boolean
}

/** The principal of a token, and its expiry. */
export interface VerifiedToken {
  /** The `oid` claim: the principal's object id. */
  objectId: string | undefined
  /** The `appid` claim of an application. */
  applicationId: string | undefined
  /** The `upn` claim of a person. */
  userPrincipalName: string | undefined
  /** In ms since the epoch. */
  expiresOn: number
}

/** Checks a token as Azure SQL does. @throws {@link LoginError} as Azure SQL answers */
export type TokenCheck = (token: string) => Promise<VerifiedToken>

/**
 * Makes the check: signature, issuer, audience, `nbf` and `exp`.
 *
 * @throws EntraError `DEPENDENCY_MISSING` where `jose` is not installed
 */
export async function createTokenCheck(verification: TokenVerification, clock: Clock): Promise<TokenCheck> {
  const { createLocalJWKSet, jwtVerify, errors } = await import('jose').catch((cause) => {
    throw new EntraError('DEPENDENCY_MISSING', 'The gateway checks tokens with jose: npm install --save-dev jose', {
      cause,
    })
  })
  const keys = createLocalJWKSet(verification.jwks)
  const refusalOf = (error: unknown) => {
    if (error instanceof errors.JWTExpired) return TokenRefusal.EXPIRED
    const isIssuer = error instanceof errors.JWTClaimValidationFailed && error.claim === 'iss'
    return isIssuer ? TokenRefusal.NOT_CONFIGURED : TokenRefusal.INVALID
  }
  return async (token) => {
    if (verification.isExpired?.(token)) throw tokenRefused(TokenRefusal.EXPIRED)
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: verification.issuer,
        audience: verification.audience,
        algorithms: ['RS256'],
        requiredClaims: ['exp', 'oid'],
        currentDate: new Date(clock.now()),
      })
      return verified(payload)
    } catch (cause) {
      throw tokenRefused(refusalOf(cause), cause)
    }
  }
}

function verified(payload: JWTPayload): VerifiedToken {
  const text = (claim: unknown) => (typeof claim === 'string' ? claim : undefined)
  return {
    objectId: text(payload.oid),
    applicationId: text(payload.appid),
    userPrincipalName: text(payload.upn),
    expiresOn: (payload.exp ?? 0) * 1000,
  }
}
