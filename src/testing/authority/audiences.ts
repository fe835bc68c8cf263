/** Azure SQL, by cloud: public, US government, China. */
const AZURE_SQL_RESOURCES = [
  'https://database.windows.net',
  'https://database.usgovcloudapi.net',
  'https://database.chinacloudapi.cn',
]

/** The `aud` of a token for Azure SQL in the public cloud. */
export const DEFAULT_AUDIENCE = 'https://database.windows.net/'

/** The audience of a token that Azure SQL must refuse. */
export const WRONG_AUDIENCE = 'https://graph.microsoft.com/'

/**
 * The `aud` claims that Azure SQL takes, of all clouds. A token's audience is the resource as it was asked for, so that
 * each comes with and without the slash at its end.
 */
export const AZURE_SQL_AUDIENCES: readonly string[] = AZURE_SQL_RESOURCES.flatMap((resource) => [
  resource,
  `${resource}/`,
])
