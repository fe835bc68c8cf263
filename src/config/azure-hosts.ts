/**
 * Suffixes of the hosts on which a database costs money from the moment it is there: Azure SQL in the public cloud, the
 * US government's and China's; Synapse; SQL database and warehouse in Fabric.
 */
const SUFFIXES = [
  '.database.windows.net',
  '.database.usgovcloudapi.net',
  '.database.chinacloudapi.cn',
  '.sql.azuresynapse.net',
  '.sql.azuresynapse.usgovcloudapi.net',
  '.sql.azuresynapse.azure.cn',
  '.database.fabric.microsoft.com',
  '.datawarehouse.fabric.microsoft.com',
]

/** Whether a host is one of Azure's or Fabric's. */
export function isAzureHost(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  return SUFFIXES.some((suffix) => name.endsWith(suffix))
}
