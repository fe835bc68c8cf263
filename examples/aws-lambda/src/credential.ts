import { GetWebIdentityTokenCommand, STSClient } from '@aws-sdk/client-sts'
import { ClientAssertionCredential, type ClientAssertionCredentialOptions } from '@azure/identity'

/** Returns a JSON Web Token that identifies this function and that Entra trusts as a federated credential. */
export type GetAssertion = () => Promise<string>

/** Signs in to Entra as the application that trusts this function's role. */
export function entraCredential(
  getAssertion: GetAssertion = tokenOfRole(),
  options: ClientAssertionCredentialOptions = {},
): ClientAssertionCredential {
  const { AZURE_TENANT_ID, AZURE_CLIENT_ID } = process.env
  if (AZURE_TENANT_ID === undefined || AZURE_CLIENT_ID === undefined)
    throw new Error('AZURE_TENANT_ID and AZURE_CLIENT_ID are not both set.')
  return new ClientAssertionCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, getAssertion, options)
}

/** Returns the token that AWS signs for the function's role (IAM outbound identity federation). */
export function tokenOfRole(): GetAssertion {
  // The global endpoint does not support this. Lambda sets AWS_REGION, which selects the regional one.
  const sts = new STSClient({})
  let token = ''
  let usableUntil = 0
  return async () => {
    // MSAL asks twice per sign-in.
    if (Date.now() < usableUntil) return token
    const { WebIdentityToken, Expiration } = await sts.send(
      new GetWebIdentityTokenCommand({
        Audience: ['api://AzureADTokenExchange'],
        SigningAlgorithm: 'RS256',
        DurationSeconds: 300,
      }),
    )
    if (WebIdentityToken === undefined) throw new Error('STS gave no web identity token.')
    token = WebIdentityToken
    usableUntil = (Expiration?.getTime() ?? 0) - 60_000
    return token
  }
}
