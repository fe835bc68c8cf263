import { inspect } from 'node:util'
import { EntraError } from '../errors/entra-error.ts'
import { nearest } from './nearest.ts'
import { quoted } from './place.ts'

/** The ways to sign in: JDBC's and SqlClient's names, and for the rest the credential's own name in `@azure/identity`. */
export const AUTHENTICATION_METHODS = [
  'ActiveDirectoryDefault',
  'ActiveDirectoryManagedIdentity',
  'ActiveDirectoryServicePrincipal',
  'ActiveDirectoryServicePrincipalCertificate',
  'ActiveDirectoryWorkloadIdentity',
  'ActiveDirectoryIntegrated',
  'ActiveDirectoryInteractive',
  'ActiveDirectoryDeviceCodeFlow',
  'AzureCli',
  'AzurePowerShell',
  'AzureDeveloperCli',
  'AzurePipelines',
  'VisualStudioCode',
  'Environment',
] as const

/** How to get tokens, by the name that `authentication=…` has in a connection string. */
export type AuthenticationMethod = (typeof AUTHENTICATION_METHODS)[number]

/** What a {@link SignIn} is made of. */
export interface SignInDetails {
  tenantId?: string | undefined
  /** The application's id, or that of a user-assigned managed identity. */
  clientId?: string | undefined
  /** The object (principal) id of a user-assigned managed identity. */
  objectId?: string | undefined
  /** The Azure resource id of a user-assigned managed identity, `/subscriptions/…`. */
  resourceId?: string | undefined
  /** The account that an interactive sign-in offers first. */
  loginHint?: string | undefined
  /** A PEM file that holds the certificate and its private key. */
  certificatePath?: string | undefined
  /** The client secret, or the password of the certificate's private key. */
  secret?: string | undefined
}

/** How to sign in, as a connection string says it. Neither `util.inspect` nor `JSON.stringify` shows the secret. */
export class SignIn {
  readonly method: AuthenticationMethod
  declare readonly tenantId?: string
  declare readonly clientId?: string
  declare readonly objectId?: string
  declare readonly resourceId?: string
  declare readonly loginHint?: string
  declare readonly certificatePath?: string
  readonly #secret: string | undefined

  constructor(method: AuthenticationMethod, { secret, ...details }: SignInDetails = {}) {
    this.method = method
    this.#secret = secret
    for (const [name, value] of Object.entries(details)) if (value !== undefined) Object.assign(this, { [name]: value })
  }

  /** The client secret, or the password of the certificate's private key. */
  get secret(): string | undefined {
    return this.#secret
  }

  [inspect.custom](): object {
    return { ...this, ...(this.#secret !== undefined && { secret: '***' }) }
  }
}

/** Other spellings, without spaces and in lower case, of drivers and of the classes of `@azure/identity`. */
const SYNONYMS: Readonly<Record<string, AuthenticationMethod>> = {
  activedirectorymsi: 'ActiveDirectoryManagedIdentity',
  activedirectorydevicecode: 'ActiveDirectoryDeviceCodeFlow',
  activedirectoryazcli: 'AzureCli',
  activedirectoryazuredevelopercli: 'AzureDeveloperCli',
  activedirectoryazurepipelines: 'AzurePipelines',
  activedirectoryenvironment: 'Environment',
  defaultazure: 'ActiveDirectoryDefault',
  managedidentity: 'ActiveDirectoryManagedIdentity',
  clientsecret: 'ActiveDirectoryServicePrincipal',
  clientcertificate: 'ActiveDirectoryServicePrincipalCertificate',
  workloadidentity: 'ActiveDirectoryWorkloadIdentity',
  interactivebrowser: 'ActiveDirectoryInteractive',
  devicecode: 'ActiveDirectoryDeviceCodeFlow',
}

/** Ways to sign in without a token, by JDBC's and SqlClient's names. */
const WITHOUT_TOKEN = ['sqlpassword', 'sqlcertificate', 'ntlm']

/** The reason that SQL authentication is refused for. */
export const TOKENS_ONLY = 'This adapter signs in with tokens; use @prisma/adapter-mssql for user and password.'

/**
 * The method that a text names: in any case, with or without spaces, and with or without the suffix `Credential`.
 *
 * @throws {@link EntraError} `CONFIG_CREDENTIALS` for SQL and Windows authentication, `CONFIG_INVALID` for
 * `ActiveDirectoryPassword` and for what is not known
 */
export function authenticationMethod(text: string): AuthenticationMethod {
  const key = text.replace(/[\s_-]/g, '').toLowerCase()
  const name = key.replace(/credential$/, '')
  const found = AUTHENTICATION_METHODS.find((method) => method.toLowerCase() === name) ?? SYNONYMS[name]
  if (found !== undefined) return found
  if (WITHOUT_TOKEN.includes(key)) throw new EntraError('CONFIG_CREDENTIALS', TOKENS_ONLY)
  if (key === 'activedirectorypassword' || name === 'usernamepassword') {
    throw new EntraError(
      'CONFIG_INVALID',
      'ActiveDirectoryPassword is not served: Microsoft has deprecated it, since a password alone cannot do ' +
        'multi-factor authentication. Use ActiveDirectoryManagedIdentity or ActiveDirectoryWorkloadIdentity in Azure, ' +
        'ActiveDirectoryServicePrincipal elsewhere, ActiveDirectoryInteractive or AzureCli on your own machine.',
    )
  }
  const meant = nearest(key, AUTHENTICATION_METHODS)
  const hint = meant === undefined ? `There are ${AUTHENTICATION_METHODS.join(', ')}.` : `Did you mean ${meant}?`
  throw new EntraError('CONFIG_INVALID', `There is no authentication ${quoted(text)}. ${hint}`)
}
