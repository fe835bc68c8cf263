import { EntraError, reasonOf } from '../errors/entra-error.ts'
import { entraReason, entraRemedy } from './entra-remedies.ts'
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

/** Why, in a line for each credential that an error speaks of: `DefaultAzureCredential` tries several. */
export function reasonsOf(error: unknown): string[] {
  const { name, errors, errorResponse } = (error ?? {}) as ErrorLike
  if (Array.isArray(errors) && errors.length > 0) return errors.flatMap(reasonsOf)
  // The message of an AuthenticationError says where to read on; what Entra ID answered is in here.
  const description = name === 'AuthenticationError' ? errorResponse?.errorDescription : undefined
  return [entraReason(reasonOf(typeof description === 'string' ? description : error))]
}

/** One line for each credential that was tried, or that such a one tried in turn. */
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
export function failureOf(failures: readonly CredentialFailure[], now: number): EntraError {
  const [only, ...others] = failures
  if (only !== undefined && others.length === 0) return failureOfOne(only, now)
  return new EntraError(
    'CREDENTIALS_FAILED',
    `None of ${failures.length} credentials could give a token:\n${linesOf(failures).join('\n')}\n${SET_ONE_UP}`,
    { errors: failures.map(({ error }) => error) },
  )
}

const SET_ONE_UP = 'Set one of them up here, or name another way to sign in (authentication=…).'

function failureOfOne({ credential, error }: CredentialFailure, now: number): EntraError {
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
