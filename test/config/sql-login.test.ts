import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { mayUsePassword } from '../../src/config/sql-login.ts'
import { type AdapterEvent, PrismaMssqlEntra } from '../../src/index.ts'
import { entraDatasource } from '../../src/prisma-config.ts'

const AZURE = 'myserver.database.windows.net'
const string = (server: string) =>
  `sqlserver://${server};database=app;user=sa;password=geheim;trustServerCertificate=true`

describe('a user and a password in the config', () => {
  it.each([
    ['localhost', undefined, true],
    ['127.0.0.1', false, true],
    ['[::1]', undefined, true],
    ['localhost\\SQLEXPRESS', undefined, true],
    ['db', undefined, false],
    ['db', true, true],
    [AZURE, undefined, false],
    [AZURE, true, false],
    ['x.database.fabric.microsoft.com', true, false],
  ])('for %s, with allowPassword %s: %s', (server, allowed, accepted) => {
    expect(mayUsePassword(server, allowed)).toBe(accepted)
    const make = () => new PrismaMssqlEntra(string(server), allowed === undefined ? {} : { allowPassword: allowed })
    if (accepted) make()
    else expect(make).toThrow(expect.objectContaining({ code: 'CONFIG_CREDENTIALS' }))
  })

  it('take precedence over what the code says about tokens', () => {
    const events: AdapterEvent[] = []
    const onEvent = (event: AdapterEvent) => events.push(event)
    new PrismaMssqlEntra(string('localhost'), { credential: ['ActiveDirectoryManagedIdentity', 'AzureCli'], onEvent })
    new PrismaMssqlEntra(string('localhost'), { authentication: 'ActiveDirectoryManagedIdentity', onEvent })
    expect(events).toEqual([])
  })

  it('are those of a service principal where the code or the string says so', () => {
    const clientId = '7e4a0000-0000-4000-8000-0000000c1101'
    const text = `sqlserver://localhost;user=${clientId};password=geheim`
    const read = (given: string, inCode = {}) => readConfig(given, { tenantId: 'contoso.test', ...inCode }, true)
    const authentication = 'ActiveDirectoryServicePrincipal'
    expect(read(text, { authentication })).toMatchObject({ sqlLogin: undefined, signIns: [{ clientId }] })
    expect(read(`${text};authentication=${authentication}`)).toMatchObject({
      sqlLogin: undefined,
      signIns: [{ clientId }],
    })
  })

  it('are not shown by inspect or JSON', () => {
    const read = readConfig(string('localhost'), {}, true)
    const adapter = new PrismaMssqlEntra(string('localhost'))
    for (const value of [read, adapter]) {
      expect(inspect(value, { depth: 9, showHidden: true, getters: true })).not.toContain('geheim')
      expect(JSON.stringify(value)).not.toContain('geheim')
    }
    expect(read.sqlLogin).toMatchObject({ user: 'sa' })
  })

  it('are passed to Prisma’s commands unchanged, if the adapter accepts them', async () => {
    expect(await entraDatasource(string('localhost'), { shadowDatabase: 'shadow' })).toEqual({
      url: string('localhost'),
      shadowDatabaseUrl: string('localhost').replace('database=app', 'database={shadow}'),
    })
    expect(await entraDatasource(string('db'), { allowPassword: true })).toEqual({ url: string('db') })
    await expect(entraDatasource(string('db'))).rejects.toMatchObject({ code: 'CONFIG_CREDENTIALS' })
    await expect(entraDatasource(string(AZURE), { allowPassword: true })).rejects.toMatchObject({
      code: 'CONFIG_CREDENTIALS',
    })
  })
})
