import { type Claims, dateOf } from '../credentials/claims.ts'
import { applicationId, principalName, textClaim } from '../login/principal.ts'
import type { Details } from './step.ts'

/** Microsoft's own applications that people sign in with: theirs is the `appid` of a person's token. */
const APPLICATIONS: Readonly<Record<string, string>> = {
  '04b07795-8ddb-461a-bbee-02f9e1bf7b46': 'Azure CLI',
  '1950a258-227b-4e31-a9cf-717495945fc2': 'Azure PowerShell',
  'aebc6443-996d-45c2-90f0-388ff96faa56': 'Visual Studio Code',
}

/** What a token says of itself, for a person to compare with what they meant. */
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

/** `DefaultAzureCredential` does not tell which of its credentials it was; the token does. */
function signedInWith(claims: Claims, application: string | undefined): string | undefined {
  if (textClaim(claims, 'xms_mirid') !== undefined) return 'managed identity'
  return application === undefined ? undefined : APPLICATIONS[application.toLowerCase()]
}

function timeOf(claims: Claims, name: 'exp' | 'iat' | 'nbf'): string | undefined {
  const time = dateOf(claims, name)
  return time === undefined || Math.abs(time) > 8.64e15 ? undefined : new Date(time).toISOString()
}

const GUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i

/**
 * A warning of a token of another tenant than the one that the server sends its clients to; undefined where there is
 * none.
 *
 * @param stsUrl - of FEDAUTHINFO
 */
export function otherTenant(claims: Claims, stsUrl: string): string | undefined {
  const wanted = GUID.exec(stsUrl)?.[0].toLowerCase()
  const tenant = textClaim(claims, 'tid')?.toLowerCase()
  if (wanted === undefined || tenant === undefined || tenant === wanted) return undefined
  return `The token is of the tenant ${tenant}, and the server wants those of ${wanted}: name it by tenantId.`
}
