import type { AccessToken, TokenCredential } from '@azure/identity'
import { EntraError } from '../errors/entra-error.ts'
import { claimsOf, dateOf } from './claims.ts'
import { type AuthenticationMethod, type AuthenticationName, authenticationMethod } from './methods.ts'

export interface AskOptions {
  abortSignal: AbortSignal
}

/** A credential with a name for events and errors. */
export abstract class NamedCredential implements TokenCredential {
  /** The name of its class in `@azure/identity`, or of the user's own. */
  readonly name: string
  /** Whether a person has to do something first. */
  readonly interactive: boolean

  constructor(name: string, interactive: boolean) {
    this.name = name
    this.interactive = interactive
  }

  abstract getToken(scope: string, options: AskOptions): Promise<AccessToken | null>
}

/** What a {@link CredentialFunction} gets in addition to the scope. */
export interface CredentialFunctionOptions {
  /** Aborted when nothing waits for the token any more. */
  signal: AbortSignal
  /** The adapter's `tenantId`. */
  tenantId?: string
}

/**
 * Gets a token by any means. It may return a JSON Web Token as a string: the expiry is read from its `exp` claim. It
 * returns `null` if it has no token.
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

/**
 * A source of tokens: a credential of `@azure/identity` or your own object with `getToken(scope)`, a function, or the name
 * of a sign-in method (`AzureCli`, `ActiveDirectoryManagedIdentity`).
 */
export type CredentialLike = TokenCredential | CredentialFunction | AuthenticationName

/**
 * The credentials in the user's order of preference.
 *
 * @param byMethod - gives the credential of a method that is named
 * @param tenantId - passed on to the credentials that the user made
 * @throws EntraError `CONFIG_INVALID`
 */
export function namedCredentials(
  given: CredentialLike | readonly CredentialLike[],
  byMethod: (method: AuthenticationMethod) => NamedCredential,
  tenantId?: string,
): NamedCredential[] {
  const list = isList(given) ? given : [given]
  if (list.length === 0) throw new EntraError('CONFIG_INVALID', 'credential is an empty list. Name at least one.')
  const tenant = tenantId === undefined ? {} : { tenantId }
  return list.map((each, index) => {
    if (each instanceof NamedCredential) return each
    if (typeof each === 'string') return byMethod(authenticationMethod(each))
    if (typeof each === 'function') return ofFunction(each, tenant)
    if (typeof each?.getToken === 'function') return ofObject(each, tenant)
    throw new EntraError(
      'CONFIG_INVALID',
      `${isList(given) ? `credential[${index}]` : 'credential'} must be a credential of @azure/identity or another ` +
        'object with a getToken() method, a function, or the name of a way to sign in, such as "AzureCli".',
    )
  })
}

// Array.isArray does not narrow a readonly array.
function isList(given: CredentialLike | readonly CredentialLike[]): given is readonly CredentialLike[] {
  return Array.isArray(given)
}

type Ask = (scope: string, signal: AbortSignal) => Promise<AccessToken | null>

/** A credential or a function of the user's own. */
class OwnCredential extends NamedCredential {
  readonly #ask: Ask

  constructor(name: string, interactive: boolean, ask: Ask) {
    super(name, interactive)
    this.#ask = ask
  }

  getToken(scope: string, { abortSignal }: AskOptions): Promise<AccessToken | null> {
    return this.#ask(scope, abortSignal)
  }
}

/** Classes of `@azure/identity` that prompt a person. */
const INTERACTIVE = ['InteractiveBrowserCredential', 'DeviceCodeCredential']

function ofObject(credential: TokenCredential, tenant: { tenantId?: string }): NamedCredential {
  const name = credential.constructor?.name ?? 'Object'
  return new OwnCredential(
    name === 'Object' ? 'credential' : name,
    INTERACTIVE.includes(name),
    async (scope, abortSignal) => credential.getToken(scope, { abortSignal, ...tenant }),
  )
}

/** Its requests fail with `TOKEN_INVALID` if it gives a string whose expiry cannot be read. */
function ofFunction(call: CredentialFunction, tenant: { tenantId?: string }): NamedCredential {
  return new OwnCredential(call.name || 'function', false, async (scope, signal) => {
    const answer = await call(scope, { signal, ...tenant })
    return typeof answer === 'string' ? withExpiry(answer) : answer
  })
}

function withExpiry(token: string): AccessToken {
  const claims = claimsOf(token)
  const expiresOnTimestamp = claims && dateOf(claims, 'exp')
  if (expiresOnTimestamp === undefined) {
    const found = claims === undefined ? 'is not a JSON Web Token' : 'has no exp claim'
    throw new EntraError(
      'TOKEN_INVALID',
      `The credential function returned a string that ${found}, so its expiry is unknown. ` +
        'Return { token, expiresOnTimestamp } instead, with expiresOnTimestamp in ms since the epoch.',
    )
  }
  return { token, expiresOnTimestamp }
}
