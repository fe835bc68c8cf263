import { EntraError, reasonOf } from '../errors.ts'

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

/** Why, in a line for each credential that an error speaks of: `DefaultAzureCredential` tries several. */
export function reasonsOf(error: unknown): string[] {
  const { name, errors, errorResponse } = (error ?? {}) as ErrorLike
  if (Array.isArray(errors) && errors.length > 0) return errors.flatMap(reasonsOf)
  // The message of an AuthenticationError says where to read on; what Entra ID answered is in here.
  const description = name === 'AuthenticationError' ? errorResponse?.errorDescription : undefined
  return [reasonOf(typeof description === 'string' ? description : error)]
}

/** One line for each credential that was tried, or that such a one tried in turn. */
export function linesOf(failures: readonly CredentialFailure[]): string[] {
  return failures.flatMap(({ credential, error }) =>
    reasonsOf(error).map((reason) => (reason.startsWith(credential) ? `- ${reason}` : `- ${credential}: ${reason}`)),
  )
}

/** The error for a request that no credential could serve. @param failures - at least one */
export function failureOf(failures: readonly CredentialFailure[]): EntraError {
  const [only, ...others] = failures
  if (only !== undefined && others.length === 0) return failureOfOne(only)
  return new EntraError(
    'CREDENTIALS_FAILED',
    `None of ${failures.length} credentials could give a token:\n${linesOf(failures).join('\n')}`,
    { errors: failures.map(({ error }) => error) },
  )
}

function failureOfOne({ credential, error }: CredentialFailure): EntraError {
  if (error instanceof EntraError) return error
  const { errors } = (error ?? {}) as ErrorLike
  if (Array.isArray(errors) && errors.length > 0) {
    const lines = reasonsOf(error).map((reason) => `- ${reason}`)
    const text = `${credential} could not give a token:\n${lines.join('\n')}`
    return new EntraError('CREDENTIALS_FAILED', text, { cause: error, errors })
  }
  const text = `${credential} could not give a token: ${reasonsOf(error).join(' ')}`
  return new EntraError('TOKEN_REQUEST_FAILED', text, { cause: error })
}
