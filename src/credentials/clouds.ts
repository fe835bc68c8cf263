import type { AzureAuthorityHosts } from '@azure/identity'

/** One of Azure's clouds. */
export interface Cloud {
  /** What its databases' tokens are for. */
  readonly scope: string
  /** Its Entra ID, by the name that `@azure/identity` has for it. */
  readonly authorityHost: keyof typeof AzureAuthorityHosts
}

/** The cloud of any host that no other cloud claims. Synapse and Fabric take the tokens of its Azure SQL. */
export const PUBLIC_CLOUD: Cloud = {
  scope: 'https://database.windows.net/.default',
  authorityHost: 'AzurePublicCloud',
}

/**
 * Clouds by the suffix of a server's host name: Azure SQL and Synapse. Fabric is in the public cloud alone.
 *
 * Source: Microsoft Learn, "Azure Private Endpoint private DNS zone values", which lists the names of each cloud.
 */
const SOVEREIGN_CLOUDS: ReadonlyArray<Cloud & { readonly suffixes: readonly string[] }> = [
  {
    scope: 'https://database.usgovcloudapi.net/.default',
    authorityHost: 'AzureGovernment',
    suffixes: ['.database.usgovcloudapi.net', '.sql.azuresynapse.usgovcloudapi.net'],
  },
  {
    scope: 'https://database.chinacloudapi.cn/.default',
    authorityHost: 'AzureChina',
    suffixes: ['.database.chinacloudapi.cn', '.sql.azuresynapse.azure.cn'],
  },
]

/**
 * The cloud that a server is in: by its host name, else by the scope of its tokens, for a server that is reached by a
 * name of one's own.
 */
export function cloudOf(host: string, scope?: string): Cloud {
  const name = host.toLowerCase().replace(/\.$/, '')
  const byHost = SOVEREIGN_CLOUDS.find(({ suffixes }) => suffixes.some((suffix) => name.endsWith(suffix)))
  return byHost ?? (scope === undefined ? PUBLIC_CLOUD : cloudOfScope(scope))
}

/** The `aud` claim of the tokens for a cloud's databases. */
export function audienceOf({ scope }: Cloud): string {
  return scope.replace(/\.default$/, '')
}

/** The cloud whose databases' tokens a scope asks for. */
export function cloudOfScope(scope: string): Cloud {
  // Both `https://resource/.default` and `https://resource//.default` are in use.
  const plain = scope.toLowerCase().replace('//.default', '/.default')
  return SOVEREIGN_CLOUDS.find((cloud) => cloud.scope === plain) ?? PUBLIC_CLOUD
}
