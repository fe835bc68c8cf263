import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { PORTAL, PORTAL_JDBC, PORTAL_ODBC } from './portal-strings.ts'

const ID = '11111111-2222-3333-4444-555555555555'
const TENANT = '99999999-8888-7777-6666-555555555555'
const RESOURCE = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app'

describe('the sign-in of a connection string', () => {
  const app = { clientId: ID, secret: 's' }
  it.each([
    ['sqlserver://h', undefined, undefined],
    ['sqlserver://h;authentication=NotSpecified', undefined, undefined],
    ['sqlserver://h;authentication=', undefined, undefined],
    [PORTAL, 'ActiveDirectoryDefault', {}],
    [PORTAL_JDBC, 'ActiveDirectoryIntegrated', {}],
    [PORTAL_ODBC, 'ActiveDirectoryIntegrated', {}],
    // the default chain, also where only details are given
    ['sqlserver://h;authentication=ActiveDirectoryDefault', 'ActiveDirectoryDefault', {}],
    ['sqlserver://h;authentication=DefaultAzureCredential', 'ActiveDirectoryDefault', {}],
    ['sqlserver://h;authentication={active directory default}', 'ActiveDirectoryDefault', {}],
    [`sqlserver://h;tenantId=${TENANT}`, 'ActiveDirectoryDefault', { tenantId: TENANT }],
    [`sqlserver://h;clientId=${ID}`, 'ActiveDirectoryDefault', { clientId: ID }],
    [`Server=h;Authentication=Active Directory Default;User Id=${ID}`, 'ActiveDirectoryDefault', { clientId: ID }],
    // a managed identity: the system's, or a user-assigned one by each of its ids
    ['sqlserver://h;authentication=ActiveDirectoryManagedIdentity', 'ActiveDirectoryManagedIdentity', {}],
    ['sqlserver://h;authentication=ActiveDirectoryMSI', 'ActiveDirectoryManagedIdentity', {}],
    ['Server=h;Authentication=Active Directory MSI', 'ActiveDirectoryManagedIdentity', {}],
    [
      `Server=h;Authentication=Active Directory Managed Identity;User ID=${ID}`,
      'ActiveDirectoryManagedIdentity',
      { clientId: ID },
    ],
    [
      `sqlserver://h;authentication=ManagedIdentityCredential;clientId=${ID}`,
      'ActiveDirectoryManagedIdentity',
      { clientId: ID },
    ],
    [
      `jdbc:sqlserver://h;authentication=ActiveDirectoryMSI;msiClientId=${ID}`,
      'ActiveDirectoryManagedIdentity',
      { clientId: ID },
    ],
    [
      `sqlserver://h;authentication=ActiveDirectoryMSI;objectId=${ID}`,
      'ActiveDirectoryManagedIdentity',
      { objectId: ID },
    ],
    [
      `sqlserver://h;authentication=ActiveDirectoryMSI;msiObjectId=${ID}`,
      'ActiveDirectoryManagedIdentity',
      { objectId: ID },
    ],
    [
      `sqlserver://h;authentication=ActiveDirectoryMSI;user=${RESOURCE}`,
      'ActiveDirectoryManagedIdentity',
      { resourceId: RESOURCE },
    ],
    [
      `sqlserver://h;authentication=ActiveDirectoryMSI;clientId=${RESOURCE}`,
      'ActiveDirectoryManagedIdentity',
      { resourceId: RESOURCE },
    ],
    [
      `sqlserver://h;authentication=ActiveDirectoryMSI;resourceId=${RESOURCE}`,
      'ActiveDirectoryManagedIdentity',
      { resourceId: RESOURCE },
    ],
    // a service principal
    [
      `sqlserver://h;authentication=ActiveDirectoryServicePrincipal;userName=${ID};password=s;tenantId=${TENANT}`,
      'ActiveDirectoryServicePrincipal',
      { ...app, tenantId: TENANT },
    ],
    [
      `sqlserver://h;authentication=ClientSecretCredential;clientId=${ID};clientSecret=s`,
      'ActiveDirectoryServicePrincipal',
      { ...app },
    ],
    [
      `Server=h;Authentication=Active Directory Service Principal;User Id=${ID};Password="s;=""t"`,
      'ActiveDirectoryServicePrincipal',
      { clientId: ID, secret: 's;="t' },
    ],
    [
      `Server=h;Authentication=ActiveDirectoryServicePrincipal;UID=${ID}@contoso.com;PWD=s`,
      'ActiveDirectoryServicePrincipal',
      { ...app, tenantId: 'contoso.com' },
    ],
    [
      `jdbc:sqlserver://h;authentication=ActiveDirectoryServicePrincipal;AADSecurePrincipalId=${ID};AADSecurePrincipalSecret={s;{}`,
      'ActiveDirectoryServicePrincipal',
      { clientId: ID, secret: 's;{' },
    ],
    [
      `jdbc:sqlserver://h;authentication=ActiveDirectoryServicePrincipalCertificate;user=${ID};clientCertificate=/a/b.pem`,
      'ActiveDirectoryServicePrincipalCertificate',
      { clientId: ID, certificatePath: '/a/b.pem' },
    ],
    [
      `sqlserver://h;authentication=ClientCertificateCredential;clientId=${ID};certificatePath=C:\\b.pem;clientKeyPassword=s`,
      'ActiveDirectoryServicePrincipalCertificate',
      { ...app, certificatePath: 'C:\\b.pem' },
    ],
    // the others
    [
      `sqlserver://h;authentication=ActiveDirectoryWorkloadIdentity;user=${ID};tenantId=${TENANT}`,
      'ActiveDirectoryWorkloadIdentity',
      { clientId: ID, tenantId: TENANT },
    ],
    ['sqlserver://h;authentication=WorkloadIdentity', 'ActiveDirectoryWorkloadIdentity', {}],
    [
      'Server=h;Authentication=Active Directory Integrated;User ID=me@contoso.com',
      'ActiveDirectoryIntegrated',
      { loginHint: 'me@contoso.com' },
    ],
    [
      'sqlserver://h;authentication=ActiveDirectoryInteractive;user=me@contoso.com',
      'ActiveDirectoryInteractive',
      { loginHint: 'me@contoso.com' },
    ],
    [
      `sqlserver://h;authentication=InteractiveBrowserCredential;clientId=${ID}`,
      'ActiveDirectoryInteractive',
      { clientId: ID },
    ],
    ['Server=h;Authentication="Active Directory Device Code Flow"', 'ActiveDirectoryDeviceCodeFlow', {}],
    ['sqlserver://h;authentication=azurecli', 'AzureCli', {}],
    ['sqlserver://h;authentication=Azure CLI Credential', 'AzureCli', {}],
    [`sqlserver://h;authentication=AzureCliCredential;tenantId=${TENANT}`, 'AzureCli', { tenantId: TENANT }],
    ['sqlserver://h;authentication=AzurePowerShell', 'AzurePowerShell', {}],
    ['sqlserver://h;authentication=AzureDeveloperCliCredential', 'AzureDeveloperCli', {}],
    ['sqlserver://h;authentication=AzurePipelines', 'AzurePipelines', {}],
    ['sqlserver://h;authentication=VisualStudioCodeCredential', 'VisualStudioCode', {}],
    ['sqlserver://h;authentication=Environment', 'Environment', {}],
    ['sqlserver://h;authentication=EnvironmentCredential', 'Environment', {}],
  ])('%s: %s', (text, method, details) => {
    const { signIns, warnings } = readConfig(text)
    const [signIn] = signIns
    expect(signIn?.method).toBe(method)
    expect(signIn && { ...signIn, secret: signIn.secret }).toEqual(method && { method, ...details })
    expect(warnings).toEqual([])
  })
})

describe('a list in authentication', () => {
  const read = (text: string, authentication?: string | string[]) => {
    const { signIns, warnings } = readConfig(text, authentication === undefined ? {} : { authentication })
    return { signIns: signIns.map((each) => ({ ...each })), warnings: warnings.map(({ message }) => message) }
  }
  const managed = { method: 'ActiveDirectoryManagedIdentity' }
  const cli = { method: 'AzureCli' }

  it.each([
    'sqlserver://h;authentication=ActiveDirectoryManagedIdentity,AzureCli',
    'sqlserver://h;authentication={Active Directory MSI, azure-cli}',
    'Server=h;Authentication="Active Directory Managed Identity,AzureCliCredential"',
    'jdbc:sqlserver://h;authentication=ActiveDirectoryMSI,AzureCli',
  ])('is an order of preference: %s', (text) => {
    expect(read(text)).toEqual({ signIns: [managed, cli], warnings: [] })
  })

  it.each([[['ActiveDirectoryManagedIdentity', 'AzureCli']], ['ActiveDirectoryManagedIdentity, AzureCli']])(
    'may be in the options: %j',
    (authentication) => {
      expect(read('sqlserver://h', authentication)).toEqual({ signIns: [managed, cli], warnings: [] })
      const same = 'sqlserver://h;authentication=ActiveDirectoryMSI,AzureCli'
      expect(read(same, authentication).signIns).toEqual([managed, cli])
      expect(() => read('sqlserver://h;authentication=AzureCli,ActiveDirectoryMSI', authentication)).toThrow(
        /The config says authentication=AzureCli,ActiveDirectoryMSI, the options say /,
      )
    },
  )

  it('gives a detail to each that takes it', () => {
    const text = `sqlserver://h;authentication=ActiveDirectoryMSI,AzureCli;clientId=${ID};tenantId=${TENANT}`
    expect(read(text)).toEqual({
      signIns: [
        { ...managed, clientId: ID },
        { ...cli, tenantId: TENANT },
      ],
      warnings: [],
    })
  })

  it('warns of a detail that none takes, and refuses such a secret', () => {
    expect(read('sqlserver://h;authentication=AzureCli,Environment;user=me@contoso.com').warnings).toEqual([
      'user has no effect with authentication=AzureCli,Environment.',
    ])
    expect(() => read('sqlserver://h;authentication=AzureCli,ActiveDirectoryMSI;password=geheim')).toThrow(
      /authentication=AzureCli,ActiveDirectoryManagedIdentity does not use password/,
    )
  })

  it('is refused if one of its names is unknown, or lacks something', () => {
    expect(() => read('sqlserver://h;authentication=AzureCli,AzureCly')).toThrow(
      /There is no authentication "AzureCly"/,
    )
    expect(() => read('sqlserver://h;authentication=AzureCli,')).toThrow(/There is no authentication/)
    expect(() => read('sqlserver://h;authentication=AzureCli,ActiveDirectoryServicePrincipal')).toThrow(
      /authentication=ActiveDirectoryServicePrincipal needs the application's id/,
    )
  })
})
