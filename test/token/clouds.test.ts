import { expect, it } from 'vitest'
import { scopeForHost } from '../../src/token/clouds.ts'

it.each([
  ['myserver.database.windows.net', 'https://database.windows.net/.default'],
  ['MYSERVER.Database.USGovCloudAPI.net', 'https://database.usgovcloudapi.net/.default'],
  ['myserver.database.chinacloudapi.cn.', 'https://database.chinacloudapi.cn/.default'],
  ['workspace.sql.azuresynapse.net', 'https://database.windows.net/.default'],
  ['x.database.fabric.microsoft.com', 'https://database.windows.net/.default'],
  ['sql.internal', 'https://database.windows.net/.default'],
])('%s takes tokens for %s', (host, scope) => expect(scopeForHost(host)).toBe(scope))
