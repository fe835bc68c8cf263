import type { AuthorityValidationOptions, TokenCredential, TokenCredentialOptions } from '@azure/identity'
import type { AuthenticationMethod, SignIn } from '../config/sign-in.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { Identity, Plugin } from './plugin.ts'

/** Options that the credentials of `@azure/identity` have in common. */
export interface IdentityOptions extends TokenCredentialOptions, AuthorityValidationOptions {}

/** `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Makes a credential. @param options - an object of its own: `@azure/identity` writes into it */
export type Make = (identity: Identity, options: IdentityOptions) => TokenCredential

/** How a way to sign in becomes a credential of `@azure/identity`. */
export interface Method {
  /** The credential's class. */
  readonly credential: string
  /** Whether a person has to do something first. */
  readonly interactive?: true
  readonly plugin?: Plugin
  /**
   * Checks what the configuration gives. What the environment must give is checked when the credential is made: it may
   * be set later, and may be meant for another machine.
   *
   * @throws EntraError `CONFIG_INVALID`, here and in what it gives
   */
  plan(signIn: SignIn, environment: Environment): Make
}

/** A command line tool that takes longer is ended, in ms: it would go on when nobody waits for it any more. */
const PROCESS_TIMEOUT = 30_000

const BROKER: Plugin = {
  package: '@azure/identity-broker',
  plugin: 'nativeBrokerPlugin',
  instead:
    'ActiveDirectoryIntegrated signs in as the account that Windows is signed in with. Without one there are ' +
    'ActiveDirectoryInteractive and AzureCli for people, ActiveDirectoryManagedIdentity and ' +
    'ActiveDirectoryServicePrincipal for services.',
}

const VISUAL_STUDIO_CODE: Plugin = {
  package: '@azure/identity-vscode',
  plugin: 'vsCodePlugin',
  instead: 'Version 2 or later: those before are for an extension that is no more. Without it there is AzureCli.',
}

const TENANT = "the tenant's id (tenantId, or AZURE_TENANT_ID in the environment)"
const CLIENT = "the application's id (clientId)"
const SECRET = "the application's secret (password, in the connection string)"
const CERTIFICATE = 'the path of a PEM file (clientCertificate, in the connection string)'

/** A tool that somebody has signed in to. */
function commandLine(
  credential: 'AzureCliCredential' | 'AzurePowerShellCredential' | 'AzureDeveloperCliCredential',
): Method {
  return {
    credential,
    plan:
      ({ tenantId }) =>
      (identity) =>
        new identity[credential]({ ...given({ tenantId }), processTimeoutInMs: PROCESS_TIMEOUT }),
  }
}

/** Each way to sign in. */
export const METHODS: Readonly<Record<AuthenticationMethod, Method>> = {
  ActiveDirectoryDefault: {
    credential: 'DefaultAzureCredential',
    plan:
      ({ tenantId, clientId, resourceId }) =>
      (identity, options) =>
        new identity.DefaultAzureCredential({
          ...options,
          ...given({ tenantId, managedIdentityClientId: clientId, managedIdentityResourceId: resourceId }),
          processTimeoutInMs: PROCESS_TIMEOUT,
        }),
  },
  ActiveDirectoryManagedIdentity: {
    credential: 'ManagedIdentityCredential',
    plan:
      ({ clientId, objectId, resourceId }) =>
      (identity, options) =>
        new identity.ManagedIdentityCredential({ ...options, ...given({ clientId, objectId, resourceId }) }),
  },
  ActiveDirectoryServicePrincipal: {
    credential: 'ClientSecretCredential',
    plan(signIn, environment) {
      const { tenantId, clientId, secret } = needed(signIn, {
        tenantId: [signIn.tenantId ?? environment.AZURE_TENANT_ID, TENANT],
        clientId: [signIn.clientId, CLIENT],
        secret: [signIn.secret, SECRET],
      })
      return (identity, options) => new identity.ClientSecretCredential(tenantId, clientId, secret, options)
    },
  },
  ActiveDirectoryServicePrincipalCertificate: {
    credential: 'ClientCertificateCredential',
    plan(signIn, environment) {
      const { tenantId, clientId, certificatePath } = needed(signIn, {
        tenantId: [signIn.tenantId ?? environment.AZURE_TENANT_ID, TENANT],
        clientId: [signIn.clientId, CLIENT],
        certificatePath: [signIn.certificatePath, CERTIFICATE],
      })
      const certificate = { certificatePath, ...given({ certificatePassword: signIn.secret }) }
      return (identity, options) => new identity.ClientCertificateCredential(tenantId, clientId, certificate, options)
    },
  },
  ActiveDirectoryWorkloadIdentity: {
    credential: 'WorkloadIdentityCredential',
    plan: (signIn, environment) => (identity, options) => {
      const { tenantId, clientId, tokenFilePath } = needed(signIn, {
        tenantId: [signIn.tenantId ?? environment.AZURE_TENANT_ID, 'AZURE_TENANT_ID'],
        clientId: [signIn.clientId ?? environment.AZURE_CLIENT_ID, 'AZURE_CLIENT_ID'],
        tokenFilePath: [environment.AZURE_FEDERATED_TOKEN_FILE, 'AZURE_FEDERATED_TOKEN_FILE'],
      })
      return new identity.WorkloadIdentityCredential({ ...options, tenantId, clientId, tokenFilePath })
    },
  },
  ActiveDirectoryIntegrated: {
    credential: 'InteractiveBrowserCredential',
    interactive: true,
    plugin: BROKER,
    plan:
      ({ tenantId, clientId, loginHint }) =>
      (identity, options) =>
        new identity.InteractiveBrowserCredential({
          ...options,
          ...given({ tenantId, clientId, loginHint }),
          brokerOptions: { enabled: true, useDefaultBrokerAccount: true, parentWindowHandle: new Uint8Array(0) },
        }),
  },
  ActiveDirectoryInteractive: {
    credential: 'InteractiveBrowserCredential',
    interactive: true,
    plan:
      ({ tenantId, clientId, loginHint }) =>
      (identity, options) =>
        new identity.InteractiveBrowserCredential({ ...options, ...given({ tenantId, clientId, loginHint }) }),
  },
  ActiveDirectoryDeviceCodeFlow: {
    credential: 'DeviceCodeCredential',
    interactive: true,
    plan:
      ({ tenantId, clientId }) =>
      (identity, options) =>
        new identity.DeviceCodeCredential({
          ...options,
          ...given({ tenantId, clientId }),
          // Not console.log, which is the default: standard output is the application's.
          userPromptCallback: ({ message }) => console.error(message),
        }),
  },
  AzureCli: commandLine('AzureCliCredential'),
  AzurePowerShell: commandLine('AzurePowerShellCredential'),
  AzureDeveloperCli: commandLine('AzureDeveloperCliCredential'),
  AzurePipelines: {
    credential: 'AzurePipelinesCredential',
    plan: (signIn, environment) => (identity, options) => {
      const { tenantId, clientId, connectionId, accessToken } = needed(signIn, {
        tenantId: [signIn.tenantId ?? environment.AZURESUBSCRIPTION_TENANT_ID, 'AZURESUBSCRIPTION_TENANT_ID'],
        clientId: [signIn.clientId ?? environment.AZURESUBSCRIPTION_CLIENT_ID, 'AZURESUBSCRIPTION_CLIENT_ID'],
        connectionId: [environment.AZURESUBSCRIPTION_SERVICE_CONNECTION_ID, 'AZURESUBSCRIPTION_SERVICE_CONNECTION_ID'],
        accessToken: [environment.SYSTEM_ACCESSTOKEN, 'SYSTEM_ACCESSTOKEN'],
        requestUri: [environment.SYSTEM_OIDCREQUESTURI, 'SYSTEM_OIDCREQUESTURI'],
      })
      return new identity.AzurePipelinesCredential(tenantId, clientId, connectionId, accessToken, options)
    },
  },
  VisualStudioCode: {
    credential: 'VisualStudioCodeCredential',
    plugin: VISUAL_STUDIO_CODE,
    plan:
      ({ tenantId }) =>
      (identity, options) =>
        new identity.VisualStudioCodeCredential({ ...options, ...given({ tenantId }) }),
  },
  Environment: {
    credential: 'EnvironmentCredential',
    plan: (signIn, environment) => (identity, options) => {
      const { AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH, AZURE_PASSWORD } = environment
      needed(signIn, {
        tenantId: [environment.AZURE_TENANT_ID, 'AZURE_TENANT_ID'],
        clientId: [environment.AZURE_CLIENT_ID, 'AZURE_CLIENT_ID'],
        secret: [
          AZURE_CLIENT_SECRET || AZURE_CLIENT_CERTIFICATE_PATH || AZURE_PASSWORD,
          'AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH',
        ],
      })
      return new identity.EnvironmentCredential(options)
    },
  },
}

/** The values, all of which must be there. Each comes with what to call it where it is missing. */
function needed<Name extends string>(
  { method }: SignIn,
  values: Record<Name, readonly [value: string | undefined, called: string]>,
): Record<Name, string> {
  const all = Object.entries<readonly [string | undefined, string]>(values)
  const missing = all.filter(([, [value]]) => !value).map(([, [, called]]) => called)
  if (missing.length > 0) {
    const variables = missing.every((called) => /^AZURE|^SYSTEM/.test(called)) ? ' in the environment' : ''
    throw new EntraError('CONFIG_INVALID', `authentication=${method} lacks ${missing.join(', ')}${variables}.`)
  }
  return Object.fromEntries(all.map(([name, [value]]) => [name, value])) as Record<Name, string>
}

/** The properties that have a value: options of `@azure/identity` are left out, not undefined. */
function given<T extends object>(values: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never
}
