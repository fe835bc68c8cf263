import { EntraError, reasonOf } from '../errors/entra-error.ts'
import { isThrottled, retryAfterOf } from './retry-after.ts'

/** A credential that could not give a token. */
export interface CredentialFailure {
  readonly credential: string
  readonly error: unknown
}

interface ErrorLike {
  name?: unknown
  errors?: unknown
  errorResponse?: { errorDescription?: unknown }
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
    `None of ${failures.length} credentials could give a token:\n${linesOf(failures).join('\n')}\n${SET_ONE_UP}`,
    { errors: failures.map(({ error }) => error) },
  )
}

const SET_ONE_UP = 'Set one of them up here, or name another way to sign in (authentication=…).'

function oneCredentialFailed({ credential, error }: CredentialFailure, now: number): EntraError {
  if (error instanceof EntraError) return error
  const { errors } = (error ?? {}) as ErrorLike
  const reasons = reasonsOf(error)
  if (Array.isArray(errors) && errors.length > 0) {
    const text = `${credential} could not give a token:\n${reasons.map(lineOf).join('\n')}\n${SET_ONE_UP}`
    return new EntraError('CREDENTIALS_FAILED', text, { cause: error, errors })
  }
  const reason = reasons.join(' ')
  const own = `${credential}: `
  const text = `${credential} could not give a token: ${reason.startsWith(own) ? reason.slice(own.length) : reason}`
  if (isThrottled(error)) return throttled(text, error, now)
  const remedy = entraRemedy(text) ?? 'Set it up here, or name another way to sign in (authentication=…).'
  return new EntraError('TOKEN_REQUEST_FAILED', `${text} ${remedy}`, { cause: error })
}

function throttled(text: string, cause: unknown, now: number): EntraError {
  const retryAfter = retryAfterOf(cause, now)
  const until = retryAfter === undefined ? '' : ` for ${Math.ceil(retryAfter / 1000)} s`
  return new EntraError(
    'TOKEN_REQUEST_THROTTLED',
    `${text} Tokens were asked for too often, and none is given${until}. This passes by itself. If it comes again, ask ` +
      'less often: one process needs one TokenSource for all its adapters, and must not be started over and over.',
    { cause },
  )
}

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

const UNTRUSTED =
  'Something on the way inspects TLS: name its certificate authority, a PEM file, by NODE_EXTRA_CA_CERTS before Node starts.'

/** What to do about other errors, by MSAL's names for them, by IMDS's words, and by OpenSSL's. */
const BY_NAME: Readonly<Record<string, string>> = {
  endpoints_resolution_error:
    'Check tenantId, and that the Entra ID of this cloud can be reached from here (HTTPS_PROXY). Where TLS is inspected on ' +
    "the way, name the inspector's certificate authority by NODE_EXTRA_CA_CERTS.",
  'Multiple user assigned identities exist':
    'This machine has several identities: say which one by its clientId (clientId=… in the connection string, or ' +
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
