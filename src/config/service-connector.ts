import type { config as MssqlConfig } from 'mssql'
import { EntraError } from '../errors/entra-error.ts'

/**
 * The config that Azure's Service Connector puts into the environment of a Node.js app: `AZURE_SQL_SERVER`, `_PORT`,
 * `_DATABASE`, `_AUTHENTICATIONTYPE`, `_CLIENTID`, `_CLIENTSECRET`, `_TENANTID`; or the `AZURE_SQL_CONNECTIONSTRING` of
 * the other client types. Upper and lower case do not matter.
 *
 * Source: Microsoft Learn, "Integrate Azure SQL Database with Service Connector".
 *
 * @param environment - default: `process.env`
 * @param prefix - if you gave the variables other names. Default: `AZURE_SQL`
 * @returns what `new PrismaMssqlEntra(…)` takes
 * @throws {@link EntraError} `CONFIG_INVALID` if there is no server
 *
 * @example
 * ```ts
 * const adapter = new PrismaMssqlEntra(serviceConnectorConfig())
 * ```
 */
export function serviceConnectorConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  prefix = 'AZURE_SQL',
): MssqlConfig | string {
  const byName = new Map(Object.entries(environment).map(([name, text]) => [name.toUpperCase(), text]))
  const variable = (name: string) => byName.get(`${prefix}_${name}`.toUpperCase()) || undefined
  const server = variable('SERVER')
  if (server === undefined) {
    const connectionString = variable('CONNECTIONSTRING')
    if (connectionString !== undefined) return connectionString
    const names = `${prefix}_SERVER nor ${prefix}_CONNECTIONSTRING`
    throw new EntraError('CONFIG_INVALID', `The environment has neither ${names}: is the service connected?`)
  }
  const port = variable('PORT')
  if (port !== undefined && !/^\d{1,5}$/.test(port)) {
    throw new EntraError('CONFIG_INVALID', `${prefix}_PORT must be a whole number from 1 to 65535.`)
  }
  const fields = {
    database: variable('DATABASE'),
    authentication_type: variable('AUTHENTICATIONTYPE'),
    clientId: variable('CLIENTID'),
    clientSecret: variable('CLIENTSECRET'),
    tenantId: variable('TENANTID'),
    // Of a connection with user and password, which the adapter then refuses.
    user: variable('USERNAME'),
    password: variable('PASSWORD'),
  }
  return {
    ...Object.fromEntries(Object.entries(fields).filter(([, text]) => text !== undefined)),
    server,
    ...(port !== undefined && { port: Number(port) }),
  }
}
