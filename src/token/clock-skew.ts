import { type Claims, dateOf } from '../credentials/claims.ts'

/** Less than this is no skew to speak of, in ms: requests take their time, and claims are whole seconds. */
const TOLERANCE = 60_000

/**
 * How far the local clock is ahead of the authority's (behind, where it is negative), in ms; undefined where a new
 * token does not show it, or where the two agree to a minute.
 *
 * Most credentials reckon the expiry from the local clock (`expires_in`), while the token's own `exp` is the
 * authority's: the difference is the skew. Where the credential passes the authority's time on, a token that is not
 * valid yet (`nbf`) shows a clock that is behind by that much at least.
 *
 * @param expiresOn - what the credential said, in ms since the epoch
 * @param now - the local clock, in ms since the epoch
 */
export function clockSkew(claims: Claims, expiresOn: number, now: number): number | undefined {
  const exp = dateOf(claims, 'exp')
  if (exp !== undefined && Math.abs(expiresOn - exp) > TOLERANCE) return expiresOn - exp
  const validFrom = dateOf(claims, 'nbf') ?? dateOf(claims, 'iat')
  return validFrom !== undefined && validFrom - now > TOLERANCE ? now - validFrom : undefined
}
