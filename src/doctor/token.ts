import { type Claims, claimsOf, dateOf } from '../credentials/claims.ts'
import { EntraError } from '../errors/entra-error.ts'
import { iso } from '../errors/wording.ts'
import type { TokenAcquiredEvent } from '../events.ts'
import { tenantOfSts } from '../login/fed-auth-info.ts'
import { applicationId, principalName, principalOf, textClaim } from '../login/principal.ts'
import { wrongInToken } from '../login/token-refusal.ts'
import type { Setup } from '../setup.ts'
import { clockSkew, expiryGap, type Lease } from '../token/lease.ts'
import type { Details, Finding } from './steps.ts'

/**
 * Gets a token, and says whose it is.
 *
 * @param stsUrl - where the server says tokens come from, if it does
 * @throws EntraError as a `TokenSource` does; on a timeout, the last reason instead
 */
export async function checkToken(
  { tokenSource, audience, timing }: Setup,
  stsUrl: string | undefined,
  signal: AbortSignal,
): Promise<Finding<Lease>> {
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
  const until = iso(lease.expiresOn)
  if (claims === undefined) {
    return {
      value: lease,
      summary: `by ${credential}, until ${until}`,
      details: { credential, passedOver, expiresAt: until },
      warnings: [
        `The credential returned something other than a JSON Web Token, which no server for ${audience} accepts.`,
      ],
    }
  }
  const wrong = wrongInToken(claims, { claims, audience, now: lease.now() })
  return {
    value: lease,
    summary: `for ${principalOf(claims)}, by ${credential}, until ${until}`,
    details: { credential, passedOver, ...tokenDetails(claims) },
    warnings: [
      ...(wrong === undefined ? [] : [`${wrong.why} ${wrong.remedy}`]),
      ...expiryWarning(claims, lease),
      ...tenantWarning(claims, stsUrl),
    ],
  }
}

/** A warning if a credential gave an expiry that is not the token's, for which no clock is to blame; else none. */
function expiryWarning(claims: Claims, { expiresOn, acquiredAt }: Lease): string[] {
  if (expiryGap(claims, expiresOn) === undefined || clockSkew(claims, expiresOn, acquiredAt) !== undefined) return []
  return [
    `The credential says that the token expires at ${iso(expiresOn)}, the token itself says ` +
      `${timeOf(claims, 'exp')}. Make getToken() return the token's own exp as expiresOnTimestamp, in ms: connections are ` +
      'replaced by that.',
  ]
}

/** Microsoft's own applications that people sign in with, by the `appid` of the tokens. */
const APPLICATIONS: Readonly<Record<string, string>> = {
  '04b07795-8ddb-461a-bbee-02f9e1bf7b46': 'Azure CLI',
  '1950a258-227b-4e31-a9cf-717495945fc2': 'Azure PowerShell',
  'aebc6443-996d-45c2-90f0-388ff96faa56': 'Visual Studio Code',
}

/** A token's claims, for you to compare with what you expect. */
export function tokenDetails(claims: Claims): Details {
  const application = applicationId(claims)
  return {
    principal: principalName(claims),
    tenantId: textClaim(claims, 'tid'),
    applicationId: application,
    signedInWith: signedInWith(claims, application),
    objectId: textClaim(claims, 'oid'),
    audience: textClaim(claims, 'aud'),
    issuer: textClaim(claims, 'iss'),
    issuedAt: timeOf(claims, 'iat'),
    notBefore: timeOf(claims, 'nbf'),
    expiresAt: timeOf(claims, 'exp'),
  }
}

/** `DefaultAzureCredential` does not say which of its credentials it used; the token does. */
function signedInWith(claims: Claims, application: string | undefined): string | undefined {
  if (textClaim(claims, 'xms_mirid') !== undefined) return 'managed identity'
  return application === undefined ? undefined : APPLICATIONS[application.toLowerCase()]
}

function timeOf(claims: Claims, name: 'exp' | 'iat' | 'nbf'): string | undefined {
  const time = dateOf(claims, name)
  return time === undefined || Math.abs(time) > 8.64e15 ? undefined : iso(time)
}

/** A warning if a token is from another tenant than the one that the server names; else none. */
export function tenantWarning(claims: Claims, stsUrl = ''): string[] {
  const wanted = tenantOfSts(stsUrl)
  const tenant = textClaim(claims, 'tid')?.toLowerCase()
  if (wanted === undefined || tenant === undefined || tenant === wanted) return []
  return [`The token is from tenant ${tenant}, but the server expects one from ${wanted}. Set tenantId.`]
}
