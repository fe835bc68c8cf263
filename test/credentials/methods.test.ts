import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { cloudOf, PUBLIC_CLOUD } from '../../src/credentials/clouds.ts'
import { IdentityCredential, identityCredential } from '../../src/credentials/identity-credential.ts'
import {
  AUTHENTICATION_METHODS,
  type AuthenticationMethod,
  type IdentityOptions,
  METHODS,
  type SignInDetails,
} from '../../src/credentials/methods.ts'
import { hearRefusals } from '../../src/credentials/retry-after.ts'
import { SignIn } from '../../src/credentials/sign-in.ts'

/** What was made of `@azure/identity`: the class, and what its constructor was given. */
const made = vi.hoisted((): [name: string, ...parameters: unknown[]][] => [])
const plugins = vi.hoisted((): unknown[] => [])
/** The policies of those that were made, which are left out of `made`. */
const policies = vi.hoisted((): unknown[] => [])

vi.mock('../../src/credentials/identity-package.cts', async () => {
  const real: Record<string, unknown> = await import('@azure/identity')
  const standIn = (name: string) =>
    class {
      constructor(...parameters: unknown[]) {
        const options = parameters.at(-1) as { additionalPolicies?: unknown[] }
        policies.push(...(options.additionalPolicies ?? []))
        delete options.additionalPolicies
        made.push([name, ...parameters])
      }
      getToken() {
        return { token: name, expiresOnTimestamp: 0 }
      }
    }
  const classes = Object.keys(real).filter((name) => name.endsWith('Credential'))
  const identity = {
    ...Object.fromEntries(classes.map((name) => [name, standIn(name)])),
    AzureAuthorityHosts: real.AzureAuthorityHosts,
    useIdentityPlugin: (plugin: unknown) => plugins.push(plugin),
  }
  return { identity }
})
vi.mock('@azure/identity-broker', () => ({ nativeBrokerPlugin: 'the broker' }))

const GOVERNMENT = cloudOf('x.database.usgovcloudapi.net')
const { signal: abortSignal } = new AbortController()

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (/^(AZURE|SYSTEM_)/.test(name)) vi.stubEnv(name, undefined)
  made.length = 0
  plugins.length = 0
  policies.length = 0
})
afterEach(() => {
  vi.unstubAllEnvs()
})

function credentialOf(method: AuthenticationMethod, details: SignInDetails = {}, options?: IdentityOptions) {
  return new IdentityCredential(new SignIn(method, details), { cloud: PUBLIC_CLOUD, options }, process.env)
}
const ask = (credential: IdentityCredential) => credential.getToken('scope', { abortSignal })

const processTimeoutInMs = 30_000
const application = { tenantId: 't', clientId: 'c' }
const federation = { AZURE_TENANT_ID: 'T', AZURE_CLIENT_ID: 'C', AZURE_FEDERATED_TOKEN_FILE: '/f' }
const pipeline = {
  AZURESUBSCRIPTION_TENANT_ID: 'T',
  AZURESUBSCRIPTION_CLIENT_ID: 'C',
  AZURESUBSCRIPTION_SERVICE_CONNECTION_ID: 'connection',
  SYSTEM_ACCESSTOKEN: 'token',
  SYSTEM_OIDCREQUESTURI: 'https://oidc.test',
}
const broker = { enabled: true, useDefaultBrokerAccount: true, parentWindowHandle: new Uint8Array(0) }

type Case = [
  method: AuthenticationMethod,
  details: SignInDetails,
  environment: Record<string, string>,
  credential: string,
  ...parameters: unknown[],
]

const CASES: Case[] = [
  ['ActiveDirectoryDefault', {}, {}, 'DefaultAzureCredential', { processTimeoutInMs }],
  [
    'ActiveDirectoryDefault',
    application,
    {},
    'DefaultAzureCredential',
    { tenantId: 't', managedIdentityClientId: 'c', processTimeoutInMs },
  ],
  [
    'ActiveDirectoryDefault',
    { resourceId: 'r' },
    {},
    'DefaultAzureCredential',
    { managedIdentityResourceId: 'r', processTimeoutInMs },
  ],
  ['ActiveDirectoryManagedIdentity', {}, {}, 'ManagedIdentityCredential', {}],
  ['ActiveDirectoryManagedIdentity', { clientId: 'c' }, {}, 'ManagedIdentityCredential', { clientId: 'c' }],
  ['ActiveDirectoryManagedIdentity', { objectId: 'o' }, {}, 'ManagedIdentityCredential', { objectId: 'o' }],
  ['ActiveDirectoryManagedIdentity', { resourceId: 'r' }, {}, 'ManagedIdentityCredential', { resourceId: 'r' }],
  ['ActiveDirectoryServicePrincipal', { ...application, secret: 's' }, {}, 'ClientSecretCredential', 't', 'c', 's', {}],
  [
    'ActiveDirectoryServicePrincipal',
    { clientId: 'c', secret: 's' },
    { AZURE_TENANT_ID: 'T' },
    'ClientSecretCredential',
    'T',
    'c',
    's',
    {},
  ],
  [
    'ActiveDirectoryServicePrincipalCertificate',
    { ...application, certificatePath: '/c.pem' },
    {},
    'ClientCertificateCredential',
    't',
    'c',
    { certificatePath: '/c.pem' },
    {},
  ],
  [
    'ActiveDirectoryServicePrincipalCertificate',
    { ...application, certificatePath: '/c.pem', secret: 's' },
    {},
    'ClientCertificateCredential',
    't',
    'c',
    { certificatePath: '/c.pem', certificatePassword: 's' },
    {},
  ],
  [
    'ActiveDirectoryWorkloadIdentity',
    {},
    federation,
    'WorkloadIdentityCredential',
    { tenantId: 'T', clientId: 'C', tokenFilePath: '/f' },
  ],
  [
    'ActiveDirectoryWorkloadIdentity',
    application,
    federation,
    'WorkloadIdentityCredential',
    { tenantId: 't', clientId: 'c', tokenFilePath: '/f' },
  ],
  [
    'ActiveDirectoryIntegrated',
    { tenantId: 't', loginHint: 'me@x.test' },
    {},
    'InteractiveBrowserCredential',
    { tenantId: 't', loginHint: 'me@x.test', brokerOptions: broker },
  ],
  ['ActiveDirectoryInteractive', {}, {}, 'InteractiveBrowserCredential', {}],
  [
    'ActiveDirectoryInteractive',
    { ...application, loginHint: 'me@x.test' },
    {},
    'InteractiveBrowserCredential',
    { tenantId: 't', clientId: 'c', loginHint: 'me@x.test' },
  ],
  [
    'ActiveDirectoryDeviceCodeFlow',
    application,
    {},
    'DeviceCodeCredential',
    { tenantId: 't', clientId: 'c', userPromptCallback: expect.any(Function) },
  ],
  ['AzureCli', {}, {}, 'AzureCliCredential', { processTimeoutInMs }],
  ['AzureCli', { tenantId: 't' }, {}, 'AzureCliCredential', { tenantId: 't', processTimeoutInMs }],
  ['AzurePowerShell', { tenantId: 't' }, {}, 'AzurePowerShellCredential', { tenantId: 't', processTimeoutInMs }],
  ['AzureDeveloperCli', { tenantId: 't' }, {}, 'AzureDeveloperCliCredential', { tenantId: 't', processTimeoutInMs }],
  ['AzurePipelines', {}, pipeline, 'AzurePipelinesCredential', 'T', 'C', 'connection', 'token', {}],
  ['AzurePipelines', application, pipeline, 'AzurePipelinesCredential', 't', 'c', 'connection', 'token', {}],
  [
    'Environment',
    {},
    { AZURE_TENANT_ID: 'T', AZURE_CLIENT_ID: 'C', AZURE_CLIENT_CERTIFICATE_PATH: '/c.pem' },
    'EnvironmentCredential',
    {},
  ],
]

describe('the credential of a way to sign in', () => {
  it.each(CASES)('%s, %j, environment %j: %s', async (method, details, environment, ...expected) => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
    const credential = credentialOf(method, details)
    expect(made).toEqual([])
    expect((await ask(credential))?.token).toBe(expected[0])
    await ask(credential)
    expect(made).toStrictEqual([expected])
    expect(credential.name).toBe(expected[0])
  })

  it('is tested for each method except one whose plugin is not installed', () => {
    const told = new Set(CASES.map(([method]) => method))
    expect(AUTHENTICATION_METHODS.filter((method) => !told.has(method))).toEqual(['VisualStudioCode'])
  })

  it('is interactive if its class is', () => {
    const asking = AUTHENTICATION_METHODS.filter((method) => METHODS[method].interactive)
    expect(asking).toEqual(['ActiveDirectoryIntegrated', 'ActiveDirectoryInteractive', 'ActiveDirectoryDeviceCodeFlow'])
    expect(credentialOf('ActiveDirectoryInteractive').interactive).toBe(true)
    expect(credentialOf('AzureCli').interactive).toBe(false)
  })
})

describe('plugins of @azure/identity', () => {
  it('are loaded before the credential is created', async () => {
    await ask(credentialOf('ActiveDirectoryIntegrated'))
    expect(plugins).toEqual(['the broker'])
  })

  it('that are not installed are named with an npm install command', async () => {
    await expect(ask(credentialOf('VisualStudioCode'))).rejects.toMatchObject({
      code: 'DEPENDENCY_MISSING',
      message: expect.stringMatching(
        /npm install @azure\/identity-vscode\. You need version 2 or later.*Or use AzureCli\.\n/,
      ),
      cause: expect.any(Error),
    })
    expect(made).toEqual([])
  })
})

describe('the prompt for a device code', () => {
  it('goes to standard error', async () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    const log = vi.spyOn(console, 'log')
    await ask(credentialOf('ActiveDirectoryDeviceCodeFlow'))
    const [, options] = made[0] ?? []
    const { userPromptCallback } = options as { userPromptCallback(info: object): void }
    userPromptCallback({ message: 'Go there and type this' })
    expect(error.mock.calls).toEqual([['Go there and type this']])
    expect(log).not.toHaveBeenCalled()
  })
})

describe('a missing value is named', () => {
  it.each<[AuthenticationMethod, SignInDetails, string]>([
    [
      'ActiveDirectoryServicePrincipal',
      {},
      "lacks the tenant's id (tenantId, or AZURE_TENANT_ID in the environment), the application's id (user or " +
        "clientId), the application's secret (password or clientSecret).",
    ],
    [
      'ActiveDirectoryServicePrincipal',
      { tenantId: 't', clientId: 'c' },
      "lacks the application's secret (password or clientSecret).",
    ],
    [
      'ActiveDirectoryServicePrincipalCertificate',
      { tenantId: 't', clientId: 'c' },
      'lacks the path of a PEM file (clientCertificate).',
    ],
  ])('at once, in the configuration: %s, %j', (method, details, message) => {
    const name = `authentication=${method} `
    expect(() => credentialOf(method, details)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(`${name}${message}\nSee `) }),
    )
  })

  it.each<[AuthenticationMethod, string]>([
    [
      'ActiveDirectoryWorkloadIdentity',
      'lacks AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE in the environment.',
    ],
    [
      'AzurePipelines',
      'lacks AZURESUBSCRIPTION_TENANT_ID, AZURESUBSCRIPTION_CLIENT_ID, AZURESUBSCRIPTION_SERVICE_CONNECTION_ID, ' +
        'SYSTEM_ACCESSTOKEN, SYSTEM_OIDCREQUESTURI in the environment.',
    ],
    [
      'Environment',
      'lacks AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH or AZURE_PASSWORD in ' +
        'the environment.',
    ],
  ])('when it is needed, in the environment: %s', async (method, message) => {
    const credential = credentialOf(method)
    const name = `authentication=${method} `
    await expect(ask(credential)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`${name}${message}\nSee `),
    })
    expect(made).toEqual([])
  })

  it('and may be present the next time', async () => {
    const credential = credentialOf('ActiveDirectoryWorkloadIdentity')
    await expect(ask(credential)).rejects.toThrow('AZURE_FEDERATED_TOKEN_FILE')
    for (const [name, value] of Object.entries(federation)) vi.stubEnv(name, value)
    expect(await ask(credential)).toMatchObject({ token: 'WorkloadIdentityCredential' })
  })
})

describe('the tenant of a service principal', () => {
  const at = (name: string) => ({ cloud: PUBLIC_CLOUD, server: { name, tenant: async () => `tenant of ${name}` } })
  const signIn = (details = {}) =>
    new SignIn('ActiveDirectoryServicePrincipal', { clientId: 'c', secret: 's', ...details })
  const tenantFor = async (...parameters: Parameters<typeof identityCredential>) => {
    await ask(identityCredential(...parameters))
    return made.at(-1)?.[1]
  }

  it('is that of the server if nothing else names it', async () => {
    expect(await tenantFor(signIn(), at('one'))).toBe('tenant of one')
    expect(await tenantFor(signIn(), at('two'))).toBe('tenant of two')
    expect(identityCredential(signIn(), at('one'))).toBe(identityCredential(signIn(), at('one')))
  })

  it('is the one in the config or the environment, for all servers', async () => {
    expect(await tenantFor(signIn({ tenantId: 't' }), at('one'))).toBe('t')
    expect(identityCredential(signIn({ tenantId: 't' }), at('two'))).toBe(
      identityCredential(signIn({ tenantId: 't' }), at('one')),
    )
    vi.stubEnv('AZURE_TENANT_ID', 'T')
    expect(await tenantFor(signIn({ clientId: 'other' }), at('one'))).toBe('T')
  })
})

describe('the authority host', () => {
  const of = async (options?: IdentityOptions) => {
    const signIn = new SignIn('ActiveDirectoryDefault', { tenantId: String(Math.random()) })
    await ask(identityCredential(signIn, { cloud: GOVERNMENT, options }))
    const [, parameters] = made.at(-1) ?? []
    return (parameters as IdentityOptions).authorityHost
  }

  it('is that of the server’s cloud', async () => {
    expect(await of()).toBe('https://login.microsoftonline.us')
  })

  it('can be set in the environment', async () => {
    vi.stubEnv('AZURE_AUTHORITY_HOST', 'https://login.private.test')
    expect(await of()).toBeUndefined()
  })

  it('can be set in the options', async () => {
    expect(await of({ authorityHost: 'https://login.mine.test' })).toBe('https://login.mine.test')
  })
})

describe('credentialOptions', () => {
  it('reach the credential and are not modified', async () => {
    const options = Object.freeze({ disableInstanceDiscovery: true })
    await ask(credentialOf('ActiveDirectoryManagedIdentity', { clientId: 'c' }, options))
    await ask(credentialOf('ActiveDirectoryServicePrincipal', { ...application, secret: 's' }, options))
    expect(made).toEqual([
      ['ManagedIdentityCredential', { clientId: 'c', disableInstanceDiscovery: true }],
      ['ClientSecretCredential', 't', 'c', 's', { disableInstanceDiscovery: true }],
    ])
    for (const parameters of made.map((parts) => parts.at(-1))) expect(parameters).not.toBe(options)
  })

  it('keep their policies next to the one that records refusals', async () => {
    const mine = { policy: { name: 'mine', sendRequest: vi.fn() }, position: 'perRetry' as const }
    await ask(
      credentialOf('ActiveDirectoryServicePrincipal', { ...application, secret: 's' }, { additionalPolicies: [mine] }),
    )
    expect(policies).toEqual([mine, { policy: hearRefusals, position: 'perCall' }])
  })
})
