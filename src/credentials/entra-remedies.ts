/**
 * What to do about an error of Entra ID, by its AADSTS number.
 *
 * Source: Microsoft Learn, "Microsoft Entra authentication and authorization error codes".
 */
const BY_NUMBER: Readonly<Record<string, string>> = {
  50034: 'This account is not in the tenant: sign in with one that is, or name its tenant by tenantId.',
  50076: 'Multi-factor authentication is wanted: sign in interactively, or with a service principal.',
  53003:
    'A Conditional Access policy forbids it: the sign-in log of the tenant names the policy; use an identity, a device or a place that it allows.',
  65001: 'Have an administrator of the tenant consent to the application.',
  90002: 'Check tenantId, and that it is a tenant of this cloud.',
  500011:
    'The scope names nothing that this tenant knows: leave the option scope out, check the cloud of the server, and tenantId.',
  700016: 'Check clientId, and that tenantId is the tenant that the application is registered in.',
  700024: 'The assertion has expired: have a new one made for each request.',
  700211: 'Correct the issuer in the federated credential of the application.',
  700212: 'Correct the audience in the federated credential of the application (api://AzureADTokenExchange).',
  700213: 'Correct the subject in the federated credential of the application.',
  7000215: 'Pass the value of the client secret and not its id.',
  7000222: 'The client secret has expired: add a new one to the application (`az ad app credential reset --id …`).',
}

/** What to do where MSAL itself gives up, by its name for it. */
const BY_NAME: Readonly<Record<string, string>> = {
  endpoints_resolution_error: 'Check tenantId, and that the Entra ID of this cloud can be reached from here.',
}

/** What to do about a failed token request, by its text; undefined where that says too little. */
export function entraRemedy(text: string): string | undefined {
  const number = /AADSTS(\d+)/.exec(text)?.[1]
  if (number !== undefined && BY_NUMBER[number] !== undefined) return BY_NUMBER[number]
  return Object.entries(BY_NAME).find(([name]) => text.includes(name))?.[1]
}

/**
 * What Entra ID said, out of what MSAL makes of it (`invalid_client: Error(s): 7000215 - Timestamp: … - Description: …`),
 * without the ids and times that differ from one request to the next.
 */
export function entraReason(text: string): string {
  const description = /Error\(s\): .* - Description: (.*?) - Correlation ID: /.exec(text)?.[1]
  if (description === undefined) return withoutTrace(text)
  const [before = ''] = text.split(/\w+: Error\(s\): /, 1)
  return `${before}${withoutTrace(description)}`
}

function withoutTrace(text: string): string {
  return text.replace(/\s*Trace ID: .*$/, '')
}
