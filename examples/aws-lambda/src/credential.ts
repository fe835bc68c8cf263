import { GetWebIdentityTokenCommand, STSClient } from '@aws-sdk/client-sts'
import { ClientAssertionCredential, type ClientAssertionCredentialOptions } from '@azure/identity'

/** Gives a JSON Web Token that says who this function is, and that Entra trusts as a federated credential. */
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

/** The token that AWS signs for the role of the function (IAM outbound identity federation). */
export function tokenOfRole(): GetAssertion {
  // The global endpoint does not have this; Lambda sets AWS_REGION, which chooses the regional one.
  const sts = new STSClient({})
  let token = ''
  let usableUntil = 0
  return async () => {
    // MSAL asks twice for each sign-in.
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
