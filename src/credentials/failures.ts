import { EntraError, reasonOf } from '../errors/entra-error.ts'
import { type ErrorLike, isThrottled, retryAfterOf } from './retry-after.ts'

/** A credential that could not get a token. */
export interface CredentialFailure {
  readonly credential: string
  readonly error: unknown
}

/** The reasons, one for each credential that an error is about: `DefaultAzureCredential` tries several. */
export function reasonsOf(error: unknown): string[] {
  const { name, errors, errorResponse } = (error ?? {}) as ErrorLike
  if (Array.isArray(errors) && errors.length > 0) return errors.flatMap(reasonsOf)
  // The message of an AuthenticationError only links to a guide. Entra ID's answer is in here.
  const description = name === 'AuthenticationError' ? errorResponse?.errorDescription : undefined
  return [entraReason(reasonOf(typeof description === 'string' ? description : error))]
}

/** One line for each credential that was tried, directly or by another one. */
export function linesOf(failures: readonly CredentialFailure[]): string[] {
  return failures.flatMap(({ credential, error }) =>
    reasonsOf(error).map((reason) => lineOf(reason.startsWith(credential) ? reason : `${credential}: ${reason}`)),
  )
}

function lineOf(reason: string): string {
  const remedy = entraRemedy(reason)
  return `- ${reason}${remedy === undefined ? '' : ` ${remedy}`}`
}

/**
 * The error for a request that no credential could serve.
 *
 * @param failures - at least one
 * @param now - in ms since the epoch
 */
export function credentialsFailed(failures: readonly CredentialFailure[], now: number): EntraError {
  const [only, ...others] = failures
  if (only !== undefined && others.length === 0) return oneCredentialFailed(only, now)
  return new EntraError(
    'CREDENTIALS_FAILED',
    `None of ${failures.length} credentials could get a token:\n${linesOf(failures).join('\n')}\n${SET_ONE_UP}`,
    { errors: failures.map(({ error }) => error) },
  )
}

const SET_ONE_UP = 'Set up one of them here, or choose another way to sign in (authentication=…).'

function oneCredentialFailed({ credential, error }: CredentialFailure, now: number): EntraError {
  if (error instanceof EntraError) return error
  const { errors } = (error ?? {}) as ErrorLike
  const reasons = reasonsOf(error)
  if (Array.isArray(errors) && errors.length > 0) {
    const text = `${credential} could not get a token:\n${reasons.map(lineOf).join('\n')}\n${SET_ONE_UP}`
    return new EntraError('CREDENTIALS_FAILED', text, { cause: error, errors })
  }
  const reason = reasons.join(' ')
  const own = `${credential}: `
  const text = `${credential} could not get a token: ${reason.startsWith(own) ? reason.slice(own.length) : reason}`
  if (isThrottled(error)) return throttled(text, error, now)
  const remedy = entraRemedy(text) ?? 'Set it up here, or choose another way to sign in (authentication=…).'
  return new EntraError('TOKEN_REQUEST_FAILED', `${text} ${remedy}`, { cause: error })
}

function throttled(text: string, cause: unknown, now: number): EntraError {
  const retryAfter = retryAfterOf(cause, now)
  const until = retryAfter === undefined ? '' : ` for ${Math.ceil(retryAfter / 1000)} s`
  return new EntraError(
    'TOKEN_REQUEST_THROTTLED',
    `${text} Tokens were requested too often, so none is issued${until}. This clears up by itself. If it happens again, ask ` +
      'less often: a process needs only one TokenSource for all its adapters, and must not be restarted over and over.',
    { cause },
  )
}

/**
 * What to do about an error of Entra ID, by its AADSTS number.
 *
 * Source: Microsoft Learn, "Microsoft Entra authentication and authorization error codes".
 */
const BY_NUMBER: Readonly<Record<string, string>> = {
  50034: 'This account is not in the tenant: sign in with one that is, or set tenantId to its tenant.',
  50076: 'Multi-factor authentication is required: sign in interactively, or with a service principal.',
  53003:
    "A Conditional Access policy forbids it; the tenant's sign-in log names the policy. Use an identity, a device or a place that it allows.",
  65001: 'Ask an administrator of the tenant to consent to the application.',
  90002: 'Check tenantId, and that the tenant is in this cloud.',
  500011:
    'This tenant does not know the scope: remove the option scope, and check tenantId and the cloud of the server.',
  700016: 'Check clientId, and that the application is registered in the tenant tenantId.',
  700024: 'The assertion has expired: create a new one for each request.',
  700211: 'Correct the issuer in the federated credential of the application.',
  700212: 'Correct the audience in the federated credential of the application (api://AzureADTokenExchange).',
  700213: 'Correct the subject in the federated credential of the application.',
  7000215: 'Pass the value of the client secret, not its id.',
  7000222: 'The client secret has expired: add a new one to the application (`az ad app credential reset --id …`).',
}

const UNTRUSTED =
  'Something on the way inspects TLS: set NODE_EXTRA_CA_CERTS to its certificate authority, a PEM file, before Node starts.'

/** What to do about other errors, by MSAL's names for them, by IMDS's words, and by OpenSSL's. */
const BY_NAME: Readonly<Record<string, string>> = {
  endpoints_resolution_error:
    'Check tenantId, and that this machine can reach the Entra ID of this cloud (HTTPS_PROXY). If TLS is inspected on the ' +
    "way, set NODE_EXTRA_CA_CERTS to the inspector's certificate authority.",
  'Multiple user assigned identities exist':
    'This machine has several identities: choose one by its clientId (clientId=… in the connection string, or ' +
    'AZURE_CLIENT_ID).',
  'self-signed certificate': UNTRUSTED,
  'unable to get local issuer certificate': UNTRUSTED,
  'unable to verify the first certificate': UNTRUSTED,
}

/** What to do about a failed token request, by its text; undefined if that says too little. */
export function entraRemedy(text: string): string | undefined {
  const number = /AADSTS(\d+)/.exec(text)?.[1]
  if (number !== undefined && BY_NUMBER[number] !== undefined) return BY_NUMBER[number]
  return Object.entries(BY_NAME).find(([name]) => text.includes(name))?.[1]
}

/**
 * Entra ID's words, taken from MSAL's message (`invalid_client: Error(s): 7000215 - Timestamp: … - Description: …`),
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
