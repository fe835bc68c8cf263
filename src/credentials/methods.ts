import type {
  AuthorityValidationOptions,
  DeviceCodeInfo,
  TokenCredential,
  TokenCredentialOptions,
} from '@azure/identity'
import { EntraError } from '../errors/entra-error.ts'
import { didYouMean, quoted } from '../errors/wording.ts'

/** What `import('@azure/identity')` gives. */
export type Identity = typeof import('@azure/identity')

/** Options that the credentials of `@azure/identity` have in common. */
export interface IdentityOptions extends TokenCredentialOptions, AuthorityValidationOptions {}

/** What a sign-in can say in addition to its method. */
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

/** A detail, or a value that only the environment has. */
type ValueName = keyof SignInDetails | 'tokenFilePath' | 'connectionId' | 'accessToken' | 'requestUri'

/** What a credential is made of. */
export type Values = { [Name in ValueName]?: string }

/** A package that adds a sign-in method to `@azure/identity`. */
export interface Plugin {
  readonly package: string
  /** The name of its export. */
  readonly plugin: string
  /** What to do if it is missing. */
  readonly instead: string
}

/** A sign-in method. */
export interface Method<Needed extends ValueName = ValueName> {
  /** The class in `@azure/identity`. Its name, with or without `Credential`, is also a name of the method. */
  readonly credential: keyof Identity & `${string}Credential`
  /** Other names, in lower case, without spaces, `-`, `_` and the suffix `Credential`. */
  readonly synonyms?: readonly string[]
  /** Whether a person has to do something first. */
  readonly interactive?: true
  readonly plugin?: Plugin
  /** What `user` stands for: SqlClient's and JDBC's rule. @defaultValue `loginHint` */
  readonly user?: 'clientId'
  readonly takes: readonly (keyof SignInDetails)[]
  /** Of these, those without a variable must be in the config. */
  readonly needs?: readonly Needed[]
  /** Environment variables that give a value that the config does not. One of several is enough. */
  readonly variables?: { readonly [Name in ValueName]?: readonly string[] }
  /** Whether the server is asked for the tenant if nothing names it, as SqlClient and JDBC do. */
  readonly tenantOfServer?: true
  /** Options of the credential that are always the same. */
  readonly options?: object
  /** More of them where others are asked if this one cannot get a token. */
  readonly optionsInList?: object
  /** Makes a credential whose constructor takes more than options with the values among them. */
  make?(identity: Identity, values: Values & Record<Needed, string>, options: IdentityOptions): TokenCredential
}

/** Lets `make` know that what the method needs is there. */
function method<Needed extends ValueName = never>(row: Method<Needed>): Method {
  return row
}

/** A command line tool that takes longer than this, in ms, is ended: otherwise it would outlive the request. */
const processTimeoutInMs = 30_000

const APPLICATION = ['tenantId', 'clientId'] as const

const ROWS = {
  ActiveDirectoryDefault: method({
    credential: 'DefaultAzureCredential',
    user: 'clientId',
    takes: [...APPLICATION, 'resourceId'],
    make: (identity, { tenantId, clientId, resourceId }, options) =>
      new identity.DefaultAzureCredential({
        ...options,
        ...(tenantId !== undefined && { tenantId }),
        ...(clientId !== undefined && { managedIdentityClientId: clientId }),
        ...(resourceId !== undefined && { managedIdentityResourceId: resourceId }),
        processTimeoutInMs,
      }),
  }),
  ActiveDirectoryManagedIdentity: method({
    credential: 'ManagedIdentityCredential',
    synonyms: ['activedirectorymsi'],
    user: 'clientId',
    takes: ['clientId', 'objectId', 'resourceId'],
    // As DefaultAzureCredential does: one request to IMDS shows within 1 s whether there is one. Otherwise, outside of Azure,
    // its requests hang for minutes, and hold the process.
    optionsInList: { sendProbeRequest: true },
  }),
  ActiveDirectoryServicePrincipal: method({
    credential: 'ClientSecretCredential',
    user: 'clientId',
    takes: [...APPLICATION, 'secret'],
    needs: ['tenantId', 'clientId', 'secret'],
    variables: { tenantId: ['AZURE_TENANT_ID'] },
    tenantOfServer: true,
    make: (identity, { tenantId, clientId, secret }, options) =>
      new identity.ClientSecretCredential(tenantId, clientId, secret, options),
  }),
  ActiveDirectoryServicePrincipalCertificate: method({
    credential: 'ClientCertificateCredential',
    user: 'clientId',
    takes: [...APPLICATION, 'certificatePath', 'secret'],
    needs: ['tenantId', 'clientId', 'certificatePath'],
    variables: { tenantId: ['AZURE_TENANT_ID'] },
    tenantOfServer: true,
    make(identity, { tenantId, clientId, certificatePath, secret }, options) {
      const certificate = { certificatePath, ...(secret !== undefined && { certificatePassword: secret }) }
      return new identity.ClientCertificateCredential(tenantId, clientId, certificate, options)
    },
  }),
  ActiveDirectoryWorkloadIdentity: method({
    credential: 'WorkloadIdentityCredential',
    user: 'clientId',
    takes: APPLICATION,
    needs: ['tenantId', 'clientId', 'tokenFilePath'],
    variables: {
      tenantId: ['AZURE_TENANT_ID'],
      clientId: ['AZURE_CLIENT_ID'],
      tokenFilePath: ['AZURE_FEDERATED_TOKEN_FILE'],
    },
  }),
  ActiveDirectoryIntegrated: method({
    credential: 'InteractiveBrowserCredential',
    interactive: true,
    plugin: {
      package: '@azure/identity-broker',
      plugin: 'nativeBrokerPlugin',
      instead:
        'ActiveDirectoryIntegrated signs in with the account of the Windows session. Without one, use ' +
        'ActiveDirectoryInteractive or AzureCli for people, ActiveDirectoryManagedIdentity or ' +
        'ActiveDirectoryServicePrincipal for services.',
    },
    takes: [...APPLICATION, 'loginHint'],
    options: {
      brokerOptions: { enabled: true, useDefaultBrokerAccount: true, parentWindowHandle: new Uint8Array(0) },
    },
  }),
  ActiveDirectoryInteractive: method({
    credential: 'InteractiveBrowserCredential',
    // Integrated has the same class.
    synonyms: ['interactivebrowser'],
    interactive: true,
    takes: [...APPLICATION, 'loginHint'],
  }),
  ActiveDirectoryDeviceCodeFlow: method({
    credential: 'DeviceCodeCredential',
    synonyms: ['activedirectorydevicecode'],
    interactive: true,
    takes: APPLICATION,
    // Not console.log, which is the default: standard output is the application's.
    options: { userPromptCallback: ({ message }: DeviceCodeInfo) => console.error(message) },
  }),
  AzureCli: method({
    credential: 'AzureCliCredential',
    synonyms: ['activedirectoryazcli'],
    takes: ['tenantId'],
    options: { processTimeoutInMs },
  }),
  AzurePowerShell: method({
    credential: 'AzurePowerShellCredential',
    takes: ['tenantId'],
    options: { processTimeoutInMs },
  }),
  AzureDeveloperCli: method({
    credential: 'AzureDeveloperCliCredential',
    synonyms: ['activedirectoryazuredevelopercli'],
    takes: ['tenantId'],
    options: { processTimeoutInMs },
  }),
  AzurePipelines: method({
    credential: 'AzurePipelinesCredential',
    synonyms: ['activedirectoryazurepipelines'],
    takes: APPLICATION,
    needs: ['tenantId', 'clientId', 'connectionId', 'accessToken', 'requestUri'],
    variables: {
      tenantId: ['AZURESUBSCRIPTION_TENANT_ID'],
      clientId: ['AZURESUBSCRIPTION_CLIENT_ID'],
      connectionId: ['AZURESUBSCRIPTION_SERVICE_CONNECTION_ID'],
      accessToken: ['SYSTEM_ACCESSTOKEN'],
      requestUri: ['SYSTEM_OIDCREQUESTURI'],
    },
    make: (identity, { tenantId, clientId, connectionId, accessToken }, options) =>
      new identity.AzurePipelinesCredential(tenantId, clientId, connectionId, accessToken, options),
  }),
  VisualStudioCode: method({
    credential: 'VisualStudioCodeCredential',
    plugin: {
      package: '@azure/identity-vscode',
      plugin: 'vsCodePlugin',
      instead: 'You need version 2 or later; earlier ones are for an extension that no longer exists. Or use AzureCli.',
    },
    takes: ['tenantId'],
  }),
  Environment: method({
    credential: 'EnvironmentCredential',
    synonyms: ['activedirectoryenvironment'],
    takes: [],
    needs: ['tenantId', 'clientId', 'secret'],
    variables: {
      tenantId: ['AZURE_TENANT_ID'],
      clientId: ['AZURE_CLIENT_ID'],
      secret: ['AZURE_CLIENT_SECRET', 'AZURE_CLIENT_CERTIFICATE_PATH', 'AZURE_PASSWORD'],
    },
    make: (identity, _values, options) => new identity.EnvironmentCredential(options),
  }),
}

/** How to get tokens, by the name that `authentication=…` has in a connection string. */
export type AuthenticationMethod = keyof typeof ROWS

/** An {@link AuthenticationMethod}, or another name of one. Editors complete the first. */
export type AuthenticationName = AuthenticationMethod | (string & {})

/** The sign-in methods, by JDBC's and SqlClient's names, or else by the credential's own name in `@azure/identity`. */
export const METHODS: Readonly<Record<AuthenticationMethod, Method>> = ROWS

export const AUTHENTICATION_METHODS = Object.keys(METHODS) as AuthenticationMethod[]

/** What to call a detail that is missing in a config. */
const DESCRIPTIONS: { readonly [Name in ValueName]?: string } = {
  tenantId: "the tenant's id (tenantId, or AZURE_TENANT_ID in the environment)",
  clientId: "the application's id (user or clientId)",
  secret: "the application's secret (password or clientSecret)",
  certificatePath: 'the path of a PEM file (clientCertificate)',
}

/** Whether a config must give something. If not, a sign-in can be meant for another machine, with another environment. */
export function needsConfig({ needs = [], variables = {} }: Method): boolean {
  return needs.some((name) => variables[name] === undefined)
}

/** What is missing, in words. @param fromConfig - whether to leave out what the environment may give */
export function missingValues(
  row: Method,
  values: { [Name in ValueName]?: string | undefined },
  fromConfig = false,
): string[] {
  const { needs = [], variables = {} } = row
  const missing = needs.filter((name) => !values[name] && !(fromConfig && variables[name] !== undefined))
  if (needsConfig(row)) return missing.map((name) => DESCRIPTIONS[name] ?? name)
  return missing.map((name) => variables[name]?.join(' or ') ?? name)
}

/** The reason for which SQL authentication is refused. */
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
  const found =
    AUTHENTICATION_METHODS.find((each) => each.toLowerCase() === name || METHODS[each].synonyms?.includes(name)) ??
    AUTHENTICATION_METHODS.find((each) => METHODS[each].credential.toLowerCase() === `${name}credential`)
  if (found !== undefined) return found
  // JDBC's and SqlClient's names.
  if (['sqlpassword', 'sqlcertificate', 'ntlm'].includes(key)) throw new EntraError('CONFIG_CREDENTIALS', TOKENS_ONLY)
  if (key === 'activedirectorypassword' || name === 'usernamepassword') {
    throw new EntraError(
      'CONFIG_INVALID',
      'ActiveDirectoryPassword is not supported: Microsoft has deprecated it, since a password alone cannot do ' +
        'multi-factor authentication. Use ActiveDirectoryManagedIdentity or ActiveDirectoryWorkloadIdentity in Azure, ' +
        'ActiveDirectoryServicePrincipal elsewhere, ActiveDirectoryInteractive or AzureCli on your own machine.',
    )
  }
  const hint = didYouMean(key, AUTHENTICATION_METHODS) ?? `Choose one of ${AUTHENTICATION_METHODS.join(', ')}.`
  throw new EntraError('CONFIG_INVALID', `There is no authentication ${quoted(text)}. ${hint}`)
}

/** The methods that a text names, separated by commas. @throws as {@link authenticationMethod} */
export function authenticationMethods(text: string): AuthenticationMethod[] {
  return text.split(',').map(authenticationMethod)
}
