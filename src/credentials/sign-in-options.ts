import { EntraError } from '../errors/entra-error.ts'
import { cloudOfScope } from './clouds.ts'
import { type CredentialLike, type NamedCredential, namedCredentials } from './credential.ts'
import { type IdentityContext, identityCredential } from './identity-credential.ts'
import type { AuthenticationMethod, AuthenticationName, IdentityOptions } from './methods.ts'
import { SignIn } from './sign-in.ts'

/** How to sign in. Everything is optional. The default is `DefaultAzureCredential`. */
export interface SignInOptions {
  /**
   * How to sign in, by the name that `authentication=…` has in a connection string: `ActiveDirectoryManagedIdentity`,
   * `AzureCli`; or several in order of preference. Cannot be combined with `credential`.
   */
  authentication?: AuthenticationName | readonly AuthenticationName[]
  /**
   * The source of tokens: a credential of `@azure/identity`, your own object with `getToken`, a function, or a name as in
   * `authentication`; or several of these in order of preference. If the first cannot get a token, the next one is
   * asked. The one that returned the token is asked first from then on.
   *
   * @defaultValue what the connection string says, else one `DefaultAzureCredential` for the process
   *
   * @example
   * ```ts
   * { credential: ['AzureCli', 'ActiveDirectoryManagedIdentity'] }
   * { credential: async (scope, { signal }) => ({ token, expiresOnTimestamp }) }
   * ```
   */
  credential?: CredentialLike | readonly CredentialLike[]
  /**
   * The tenant to sign in to, by its id or one of its domains. A credential that you created is asked for a token of this
   * tenant; its own `additionallyAllowedTenants` decides whether it may return one.
   */
  tenantId?: string
  /** The application's id, or that of a user-assigned managed identity, for a sign-in method by name. */
  clientId?: string
  /**
   * Options of `@azure/identity` for the credentials of sign-in methods by name: `proxyOptions`, `authorityHost` and
   * `disableInstanceDiscovery` for a private cloud, and so on. Adapters share a credential only if this is the same
   * object.
   */
  credentialOptions?: IdentityOptions
}

/**
 * The credentials to ask, in order of preference: those that the options name, or the one of the sign-in.
 *
 * @param signIns - what the config says, or the options if they name no credential; none for the default
 * @param warn - called if what the config says has no effect
 * @throws EntraError `CONFIG_INVALID` if the options contradict each other or lack something
 */
export function credentialsFor(
  options: SignInOptions,
  signIns: readonly SignIn[],
  place: Pick<IdentityContext, 'cloud' | 'server'>,
  warn: (message: string, parameter: string) => void,
): NamedCredential[] {
  const { authentication, credential, tenantId, clientId } = options
  const inList = (credential === undefined ? signIns : [credential].flat()).length > 1
  const context = { ...place, options: options.credentialOptions, inList }
  if (credential === undefined) {
    const all = signIns.length > 0 ? signIns : [new SignIn('ActiveDirectoryDefault')]
    return all.map((signIn) => identityCredential(signIn, context))
  }
  if (authentication !== undefined) {
    throw new EntraError('CONFIG_INVALID', 'Pass either credential or authentication, not both.')
  }
  if (signIns.length > 0) {
    warn('The options contain a credential, so what the config says about signing in has no effect.', 'authentication')
  }
  const idle = (['clientId', 'credentialOptions'] as const).find((name) => options[name] !== undefined)
  if (idle !== undefined && ![credential].flat().some((each) => typeof each === 'string')) {
    throw new EntraError(
      'CONFIG_INVALID',
      `${idle} has no effect on a credential that you created: pass it to that credential.`,
    )
  }
  const byMethod = (method: AuthenticationMethod) =>
    identityCredential(new SignIn(method, { tenantId, clientId }), context)
  return namedCredentials(credential, byMethod, tenantId)
}

/** The credentials of a token source without an adapter. Of a sign-in method, it knows only the name. */
export function credentialsForScope(
  credential: CredentialLike | readonly CredentialLike[],
  scope: string,
): NamedCredential[] {
  const context = { cloud: cloudOfScope(scope), inList: [credential].flat().length > 1 }
  return namedCredentials(credential, (method) => identityCredential(new SignIn(method), context))
}
