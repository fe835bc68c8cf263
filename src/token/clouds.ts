/**
 * The token scope of each cloud, by the suffix of the server's host name.
 *
 * Source: Microsoft Learn, "Azure SQL: connect with Microsoft Entra authentication", and the suffixes in
 * `microsoft/mssql-jdbc` (`SQLServerConnection`). Synapse and Fabric use the public cloud's.
 */
const SCOPES: ReadonlyArray<readonly [suffix: string, scope: string]> = [
  ['.database.usgovcloudapi.net', 'https://database.usgovcloudapi.net/.default'],
  ['.database.chinacloudapi.cn', 'https://database.chinacloudapi.cn/.default'],
]

/** The scope of the public cloud, and of any host that no other cloud claims. */
export const PUBLIC_SCOPE = 'https://database.windows.net/.default'

/** The scope to ask a token for, by the host that it will be sent to. */
export function scopeForHost(host: string): string {
  const name = host.toLowerCase().replace(/\.$/, '')
  return SCOPES.find(([suffix]) => name.endsWith(suffix))?.[1] ?? PUBLIC_SCOPE
}
