import { EntraError, reasonOf, textOf } from '../errors/entra-error.ts'

/** What a token request failed with, as one of ours. */
export function requestFailed(cause: unknown): EntraError {
  if (cause instanceof EntraError) return cause
  return new EntraError('TOKEN_REQUEST_FAILED', `The credential could not give a token: ${reasonOf(cause)}`, { cause })
}

/**
 * @param timeout - in ms
 * @param lastError - of the last request, where it failed
 * @param progress - of the request under way
 */
export function unavailable(timeout: number, lastError: EntraError | undefined, progress: string): EntraError {
  const why = lastError === undefined ? `${progress}\n${WAIT_LONGER}` : textOf(lastError)
  return new EntraError('TOKEN_UNAVAILABLE', `No valid token could be had within ${Math.round(timeout)} ms. ${why}`, {
    cause: lastError,
  })
}

const WAIT_LONGER = 'Check that its endpoint can be reached from here, or wait longer (rotation.waitTimeout).'

export function closed(): EntraError {
  return new EntraError('CLOSED', 'The token source was closed; it gives no more tokens. Make another one.')
}
