import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { serviceConnectorConfig } from '../../src/config/service-connector.ts'

const ID = '11111111-2222-3333-4444-555555555555'
const SERVER = {
  AZURE_SQL_SERVER: 's.database.windows.net',
  AZURE_SQL_PORT: '1433',
  AZURE_SQL_DATABASE: 'app',
  AZURE_SQL_AUTHENTICATIONTYPE: 'azure-active-directory-default',
}
const read = (...given: Parameters<typeof serviceConnectorConfig>) => readConfig(serviceConnectorConfig(...given))

describe("the variables of Azure's Service Connector", () => {
  it('of a system-assigned identity are read', () => {
    const {
      config,
      signIns: [signIn],
      warnings,
    } = read(SERVER)
    expect(config).toMatchObject({ server: 's.database.windows.net', port: 1433, database: 'app' })
    expect(signIn).toMatchObject({ method: 'ActiveDirectoryDefault' })
    expect(warnings).toEqual([])
  })

  it('of a user-assigned identity name it', () => {
    expect(read({ ...SERVER, AZURE_SQL_CLIENTID: ID }).signIns[0]).toMatchObject({ clientId: ID })
  })

  it('of a service principal hold its secret', () => {
    const {
      signIns: [signIn],
    } = read({
      ...SERVER,
      AZURE_SQL_AUTHENTICATIONTYPE: 'azure-active-directory-service-principal-secret',
      AZURE_SQL_CLIENTID: ID,
      AZURE_SQL_CLIENTSECRET: 'geheim',
      AZURE_SQL_TENANTID: ID,
    })
    expect(signIn).toMatchObject({ method: 'ActiveDirectoryServicePrincipal', clientId: ID, tenantId: ID })
    expect(signIn?.secret).toBe('geheim')
  })

  it('of a connection with user and password are refused', () => {
    const environment = {
      ...SERVER,
      AZURE_SQL_AUTHENTICATIONTYPE: '',
      AZURE_SQL_USERNAME: 'u',
      AZURE_SQL_PASSWORD: 'p',
    }
    expect(() => read(environment)).toThrow(expect.objectContaining({ code: 'CONFIG_CREDENTIALS' }))
  })

  it('may be written in any case, and have another prefix', () => {
    const environment = { Orders_SQL_Server: 'h', Orders_SQL_Database: 'orders' }
    expect(read(environment, 'ORDERS_SQL').config).toMatchObject({ server: 'h', database: 'orders' })
  })

  it('may be one connection string', () => {
    const text = 'Data Source=h,1433;Initial Catalog=app;Authentication=ActiveDirectoryManagedIdentity'
    expect(read({ AZURE_SQL_CONNECTIONSTRING: text }).signIns[0]).toMatchObject({
      method: 'ActiveDirectoryManagedIdentity',
    })
  })

  it('are named in an error if they are missing, and so is a wrong port', () => {
    expect(() => read({})).toThrow(/neither AZURE_SQL_SERVER nor AZURE_SQL_CONNECTIONSTRING/)
    expect(() => read({ ...SERVER, AZURE_SQL_PORT: 'x' })).toThrow(/AZURE_SQL_PORT must be a whole number/)
  })
})
