import type { AccessToken, TokenCredential } from '@azure/identity'
import { type AuthenticationMethod, authenticationMethod } from '../config/sign-in.ts'
import { EntraError } from '../errors/entra-error.ts'
import { type CredentialFunction, FunctionCredential } from './function-credential.ts'
import { type AskOptions, NamedCredential } from './named-credential.ts'

/**
 * What gives tokens: a credential of `@azure/identity` or your own object with `getToken(scope)`, a function, or a way
 * to sign in by its name (`AzureCli`, `ActiveDirectoryManagedIdentity`).
 */
export type CredentialLike = TokenCredential | CredentialFunction | AuthenticationMethod | (string & {})

/** What a {@link CredentialLike} is made a credential with. */
export interface CredentialContext {
  /** The credential for a way to sign in that is named. */
  byMethod: (method: AuthenticationMethod) => NamedCredential
  /** Passed on to the credentials that the user made. */
  tenantId?: string | undefined
}

/**
 * The credentials in the order of preference that the user gave them in.
 *
 * @throws EntraError `CONFIG_INVALID`
 */
export function namedCredentials(
  given: CredentialLike | readonly CredentialLike[],
  context: CredentialContext,
): NamedCredential[] {
  const list = isList(given) ? given : [given]
  if (list.length === 0) throw new EntraError('CONFIG_INVALID', 'credential is an empty list. Name at least one.')
  return list.map((each, index) => named(each, isList(given) ? `credential[${index}]` : 'credential', context))
}

// Array.isArray does not narrow a readonly array.
function isList(given: CredentialLike | readonly CredentialLike[]): given is readonly CredentialLike[] {
  return Array.isArray(given)
}

function named(given: CredentialLike, place: string, { byMethod, tenantId }: CredentialContext): NamedCredential {
  if (given instanceof NamedCredential) return given
  if (typeof given === 'string') return byMethod(authenticationMethod(given))
  if (typeof given === 'function') return new FunctionCredential(given, tenantId)
  if (typeof given?.getToken === 'function') return new UserCredential(given, tenantId)
  throw new EntraError(
    'CONFIG_INVALID',
    `${place} must be a credential of @azure/identity or another object with a getToken() method, a function, or the ` +
      'name of a way to sign in, such as "AzureCli".',
  )
}

/** Classes of `@azure/identity` that ask a person. */
const INTERACTIVE = ['InteractiveBrowserCredential', 'DeviceCodeCredential']

/** A credential that the user made. */
class UserCredential extends NamedCredential {
  readonly #credential: TokenCredential
  readonly #tenantId: string | undefined

  constructor(credential: TokenCredential, tenantId: string | undefined) {
    const name = credential.constructor?.name ?? 'Object'
    super(name === 'Object' ? 'credential' : name, INTERACTIVE.includes(name))
    this.#credential = credential
    this.#tenantId = tenantId
  }

  async getToken(scope: string, { abortSignal }: AskOptions): Promise<AccessToken | null> {
    return this.#credential.getToken(scope, {
      abortSignal,
      ...(this.#tenantId !== undefined && { tenantId: this.#tenantId }),
    })
  }
}
