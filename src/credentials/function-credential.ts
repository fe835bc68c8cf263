import type { AccessToken } from '@azure/identity'
import { EntraError } from '../errors/entra-error.ts'
import { claimsOf, dateOf } from './claims.ts'
import { type AskOptions, NamedCredential } from './named-credential.ts'

/** What a {@link CredentialFunction} is told beside the scope. */
export interface CredentialFunctionOptions {
  /** Aborted when nobody waits for the token any more. */
  signal: AbortSignal
  /** The adapter's `tenantId`. */
  tenantId?: string
}

/**
 * Gives a token by any means. A token alone will do where it is a JSON Web Token: its expiry is read from its `exp`
 * claim. `null`: it cannot give one here.
 *
 * @example
 * ```ts
 * const credential: CredentialFunction = async (scope, { signal }) => {
 *   const response = await fetch(`http://localhost:8080/token?scope=${scope}`, { signal })
 *   return response.text()
 * }
 * ```
 */
export type CredentialFunction = (
  scope: string,
  options: CredentialFunctionOptions,
) => Promise<AccessToken | string | null> | AccessToken | string | null

/** A credential made of a function. */
export class FunctionCredential extends NamedCredential {
  readonly #call: CredentialFunction
  readonly #tenantId: string | undefined

  constructor(call: CredentialFunction, tenantId?: string) {
    super(call.name || 'function', false)
    this.#call = call
    this.#tenantId = tenantId
  }

  /** @throws EntraError `TOKEN_INVALID` where a string was given whose expiry cannot be read */
  async getToken(scope: string, { abortSignal }: AskOptions): Promise<AccessToken | null> {
    const answer = await this.#call(scope, {
      signal: abortSignal,
      ...(this.#tenantId !== undefined && { tenantId: this.#tenantId }),
    })
    return typeof answer === 'string' ? withExpiry(answer) : answer
  }
}

function withExpiry(token: string): AccessToken {
  const claims = claimsOf(token)
  const expiresOnTimestamp = claims && dateOf(claims, 'exp')
  if (expiresOnTimestamp === undefined) {
    const found = claims === undefined ? 'is no JSON Web Token' : 'has no exp claim'
    throw new EntraError(
      'TOKEN_INVALID',
      `The credential function returned a string that ${found}, so that its expiry is not known. ` +
        'Return { token, expiresOnTimestamp } instead, expiresOnTimestamp in ms since the epoch.',
    )
  }
  return { token, expiresOnTimestamp }
}
