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
    const { signIn, warnings } = readConfig(text)
    expect(signIn?.method).toBe(method)
    expect(signIn && { ...signIn, secret: signIn.secret }).toEqual(method && { method, ...details })
    expect(warnings).toEqual([])
  })
})
