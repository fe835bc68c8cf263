import { claimsOf } from '../credentials/claims.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { TokenAcquiredEvent } from '../events.ts'
import { principalOf } from '../login/principal.ts'
import { wrongInToken } from '../login/token-refusal.ts'
import type { Setup } from '../setup.ts'
import type { Lease } from '../token/lease.ts'
import type { EntraSupport } from './entra-logins.ts'
import type { Outcome } from './step.ts'
import { otherTenant, tokenDetails } from './token-holder.ts'

/**
 * Gets a token, and says whose it is.
 *
 * @param support - what the server said of the tokens that it takes, if it did
 * @throws EntraError as a `TokenSource` does, with the last reason rather than that it took too long
 */
export async function getToken(
  { tokenSource, audience, timing }: Setup,
  support: EntraSupport | undefined,
  signal: AbortSignal,
): Promise<Outcome<Lease>> {
  let acquired: TokenAcquiredEvent | undefined
  const unsubscribe = tokenSource.subscribe((event) => {
    if (event.type === 'token.acquired') acquired = event
  })
  let lease: Lease
  try {
    lease = await tokenSource.get({ timeout: timing.waitTimeout, signal })
  } catch (error) {
    const inner = error instanceof EntraError && error.code === 'TOKEN_UNAVAILABLE' ? error.cause : undefined
    throw inner instanceof EntraError ? inner : error
  } finally {
    unsubscribe()
  }
  const claims = claimsOf(lease.token)
  const credential = acquired?.credential ?? 'the token source'
  const passedOver = acquired?.failed?.map(({ credential: name, reason }) => `${name}: ${reason}`)
  const until = new Date(lease.expiresOn).toISOString()
  if (claims === undefined) {
    return {
      value: lease,
      summary: `by ${credential}, until ${until}`,
      details: { credential, passedOver, expiresAt: until },
      warnings: [
        `What the credential gave is no JSON Web Token: a server that takes tokens for ${audience} refuses it.`,
      ],
    }
  }
  const wrong = wrongInToken(claims, { claims, audience, now: lease.now() })
  const tenant = support?.info && otherTenant(claims, support.info.stsUrl)
  return {
    value: lease,
    summary: `for ${principalOf(claims)}, by ${credential}, until ${until}`,
    details: { credential, passedOver, ...tokenDetails(claims) },
    warnings: [
      ...(wrong === undefined ? [] : [`${wrong.why} ${wrong.remedy}`]),
      ...(tenant === undefined ? [] : [tenant]),
    ],
  }
}
