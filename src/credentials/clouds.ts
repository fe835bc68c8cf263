/** One of Azure's clouds. */
export interface Cloud {
  /** What its databases' tokens are for. */
  readonly scope: string
  /** The URL of its Entra ID. `@azure/identity` has it too (`AzureAuthorityHosts`), but takes long to load. */
  readonly authorityHost: string
  /** How the host names of its databases end: Azure SQL's, Synapse's, Fabric's. */
  readonly suffixes: readonly string[]
}

/** The cloud of any host that no other cloud claims. Synapse and Fabric take the tokens of its Azure SQL. */
export const PUBLIC_CLOUD: Cloud = {
  scope: 'https://database.windows.net/.default',
  authorityHost: 'https://login.microsoftonline.com',
  suffixes: [
    '.database.windows.net',
    '.sql.azuresynapse.net',
    '.database.fabric.microsoft.com',
    '.datawarehouse.fabric.microsoft.com',
  ],
}

/** Source: Microsoft Learn, "Azure Private Endpoint private DNS zone values", which lists the names of each cloud. */
const CLOUDS: readonly Cloud[] = [
  PUBLIC_CLOUD,
  {
    scope: 'https://database.usgovcloudapi.net/.default',
    authorityHost: 'https://login.microsoftonline.us',
    suffixes: ['.database.usgovcloudapi.net', '.sql.azuresynapse.usgovcloudapi.net'],
  },
  {
    scope: 'https://database.chinacloudapi.cn/.default',
    authorityHost: 'https://login.chinacloudapi.cn',
    suffixes: ['.database.chinacloudapi.cn', '.sql.azuresynapse.azure.cn'],
  },
]

function cloudOfHost(host: string): Cloud | undefined {
  const name = host.toLowerCase().replace(/\.$/, '')
  return CLOUDS.find(({ suffixes }) => suffixes.some((suffix) => name.endsWith(suffix)))
}

/** Whether a host is one of Azure's or Fabric's, where a new database is billed at once. */
export function isAzureHost(host: string): boolean {
  return cloudOfHost(host) !== undefined
}

/** Whether a host is Fabric's, where items have permissions. */
export function isFabricHost(host: string): boolean {
  return /\.fabric\.microsoft\.com\.?$/i.test(host)
}

/** The cloud of a server: by its host name, else by the scope of its tokens, for a server behind a name of your own. */
export function cloudOf(host: string, scope?: string): Cloud {
  return cloudOfHost(host) ?? (scope === undefined ? PUBLIC_CLOUD : cloudOfScope(scope))
}

/** The `aud` claim of the tokens for a cloud's databases. */
export function audienceOf({ scope }: Cloud): string {
  return scope.replace(/\.default$/, '')
}

/** The cloud whose databases' tokens a scope asks for. */
export function cloudOfScope(scope: string): Cloud {
  // Both `https://resource/.default` and `https://resource//.default` are in use.
  const plain = scope.toLowerCase().replace('//.default', '/.default')
  return CLOUDS.find((cloud) => cloud.scope === plain) ?? PUBLIC_CLOUD
}
