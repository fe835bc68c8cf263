import { authenticationMethod, SignIn, type SignInDetails } from '../config/sign-in.ts'
import { EntraError } from '../errors.ts'
import { type Cloud, cloudOfScope } from './clouds.ts'
import { type CredentialLike, namedCredentials } from './credential.ts'
import { identityCredential } from './identity-credential.ts'
import type { IdentityOptions } from './methods.ts'
import type { NamedCredential } from './named-credential.ts'

/** How to sign in. All is optional: without anything it is `DefaultAzureCredential`. */
export interface SignInOptions {
  /**
   * How to sign in, by the name that `authentication=…` has in a connection string: `ActiveDirectoryManagedIdentity`,
   * `AzureCli`. Not beside `credential`.
   */
  authentication?: string
  /**
   * Gives the tokens: a credential of `@azure/identity`, your own object with `getToken`, a function, or a name as in
   * `authentication`; or several of these in order of preference. Where the first cannot give a token the next one is
   * asked; the one that gave it is asked first from then on.
   *
   * @defaultValue what the connection string says, else one `DefaultAzureCredential` for the process
   *
   * @example
   * ```ts
   * { credential: ['ActiveDirectoryManagedIdentity', 'AzureCli'] }
   * { credential: async (scope, { signal }) => ({ token, expiresOnTimestamp }) }
   * ```
   */
  credential?: CredentialLike | readonly CredentialLike[]
  /**
   * The tenant to sign in to, by its id or one of its domains. A credential that you made yourself is asked for a token
   * of this tenant; whether it may give one depends on its own `additionallyAllowedTenants`.
   */
  tenantId?: string
  /** The application's id, or that of a user-assigned managed identity, for a way to sign in that is named. */
  clientId?: string
  /**
   * Options of `@azure/identity` for the credentials that are made for a way to sign in that is named: `proxyOptions`,
   * `authorityHost` and `disableInstanceDiscovery` for a private cloud, and so on. Adapters share a credential only
   * where this is the same object.
   */
  credentialOptions?: IdentityOptions
}

/** Told of what the config says and the options overrule. @param parameter - its name */
type Warn = (message: string, parameter: string) => void

/**
 * The credentials to ask, in order of preference: what the options say, and where they say nothing the config.
 *
 * @param configured - what the config says
 * @throws EntraError `CONFIG_INVALID` where the options contradict each other or lack something
 */
export function credentialsFor(
  options: SignInOptions,
  configured: SignIn | undefined,
  cloud: Cloud,
  warn: Warn,
): NamedCredential[] {
  const { authentication, credential, tenantId, clientId } = options
  const surroundings = { cloud, options: options.credentialOptions }
  if (credential === undefined) return [identityCredential(signInOf(options, configured, warn), surroundings)]
  if (authentication !== undefined) {
    throw new EntraError('CONFIG_INVALID', 'Pass either credential or authentication, not both.')
  }
  if (configured !== undefined) {
    warn('The options name a credential: what the config says about signing in has no effect.', 'authentication')
  }
  const idle = (['clientId', 'credentialOptions'] as const).find((name) => options[name] !== undefined)
  if (idle !== undefined && ![credential].flat().some((each) => typeof each === 'string')) {
    throw new EntraError('CONFIG_INVALID', `${idle} has no effect on a credential that you made: pass it there.`)
  }
  return namedCredentials(credential, {
    tenantId,
    byMethod: (method) => identityCredential(new SignIn(method, { tenantId, clientId }), surroundings),
  })
}

/** The credentials of a token source that has no adapter: of a way to sign in that is named, it knows only the name. */
export function credentialsForScope(
  credential: CredentialLike | readonly CredentialLike[],
  scope: string,
): NamedCredential[] {
  const surroundings = { cloud: cloudOfScope(scope) }
  return namedCredentials(credential, {
    byMethod: (method) => identityCredential(new SignIn(method), surroundings),
  })
}

function signInOf(options: SignInOptions, configured: SignIn | undefined, warn: Warn): SignIn {
  const method = configured?.method ?? authenticationMethod(options.authentication ?? 'ActiveDirectoryDefault')
  const details: SignInDetails = { ...configured, secret: configured?.secret }
  for (const name of ['tenantId', 'clientId'] as const) {
    const value = options[name]
    if (value === undefined) continue
    if (details[name] !== undefined && details[name] !== value) {
      warn(`The ${name} of the options is used, not the config's ${details[name]}.`, name)
    }
    details[name] = value
  }
  // One identity has three names.
  if (options.clientId !== undefined) Object.assign(details, { objectId: undefined, resourceId: undefined })
  return new SignIn(method, details)
}
