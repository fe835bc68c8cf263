import { AzureAuthorityHosts } from '@azure/identity'
import { describe, expect, it } from 'vitest'
import { cloudOf, cloudOfScope } from '../../src/credentials/clouds.ts'

const PUBLIC = { scope: 'https://database.windows.net/.default', authorityHost: AzureAuthorityHosts.AzurePublicCloud }
const US_GOVERNMENT = {
  scope: 'https://database.usgovcloudapi.net/.default',
  authorityHost: AzureAuthorityHosts.AzureGovernment,
}
const CHINA = { scope: 'https://database.chinacloudapi.cn/.default', authorityHost: AzureAuthorityHosts.AzureChina }

describe('the cloud of a server', () => {
  it.each([
    ['myserver.database.windows.net', PUBLIC],
    ['mi.abc123.database.windows.net', PUBLIC],
    ['myserver.privatelink.database.windows.net', PUBLIC],
    ['workspace.sql.azuresynapse.net', PUBLIC],
    ['workspace-ondemand.sql.azuresynapse.net', PUBLIC],
    ['x.database.fabric.microsoft.com', PUBLIC],
    ['x.datawarehouse.fabric.microsoft.com', PUBLIC],
    ['sql.internal', PUBLIC],
    ['database.usgovcloudapi.net.example.test', PUBLIC],
    ['MYSERVER.Database.USGovCloudAPI.net', US_GOVERNMENT],
    ['workspace-ondemand.sql.azuresynapse.usgovcloudapi.net', US_GOVERNMENT],
    ['myserver.database.chinacloudapi.cn.', CHINA],
    ['workspace.sql.azuresynapse.azure.cn', CHINA],
  ])('%s', (host, cloud) => expect(cloudOf(host)).toMatchObject(cloud))

  it('follows from the scope if the host does not show it', () => {
    expect(cloudOf('sql.internal', US_GOVERNMENT.scope)).toMatchObject(US_GOVERNMENT)
    expect(cloudOf('sql.internal', 'api://my-own/.default')).toMatchObject(PUBLIC)
    expect(cloudOf('myserver.database.chinacloudapi.cn', 'api://my-own/.default')).toMatchObject(CHINA)
  })
})

describe('the cloud of a scope', () => {
  it.each([
    ['https://database.windows.net/.default', PUBLIC],
    ['https://database.windows.net//.default', PUBLIC],
    ['https://database.usgovcloudapi.net//.default', US_GOVERNMENT],
    ['https://Database.ChinaCloudAPI.cn/.default', CHINA],
  ])('%s', (scope, cloud) => expect(cloudOfScope(scope)).toMatchObject(cloud))
})
