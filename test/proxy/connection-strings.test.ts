import mssql from 'mssql'
import { describe, expect, it } from 'vitest'
import { connectionStringFor, type Door } from '../../src/proxy/connection-strings.ts'
import { readUrl } from '../support/sqlserver-url.ts'

const door: Door = {
  host: '127.0.0.1',
  port: 14330,
  user: 'entra_1',
  password: 'abc',
  database: 'app',
  schema: 'sales',
}
const awkward = ['app', 'my app', 'a;b=c', `it's "quoted"`, 'a/b?c#d%20', 'Größe']

/** By the driver's own parser. */
const parsed = (text: string) => mssql.ConnectionPool.parseConnectionString(text)

describe('a door’s connection string', () => {
  it.each(awkward)('is read by Prisma: %s', (database) => {
    const { host, port, value } = readUrl(connectionStringFor({ ...door, database }))
    expect([host, port, value('database'), value('schema')]).toEqual(['127.0.0.1', 14330, database, 'sales'])
    expect([value('user'), value('password'), value('encrypt')]).toEqual(['entra_1', 'abc', 'DANGER_PLAINTEXT'])
  })

  it.each(awkward)('is read by drivers that know ADO.NET’s: %s', (database) => {
    expect(parsed(connectionStringFor({ ...door, database }, 'ado.net'))).toMatchObject({
      server: '127.0.0.1',
      port: 14330,
      user: 'entra_1',
      password: 'abc',
      database,
      options: { encrypt: false },
    })
  })

  it.each(awkward)('is a URL: %s', (database) => {
    const url = new URL(connectionStringFor({ ...door, database }, 'uri'))
    expect(decodeURIComponent(url.pathname)).toBe(`/${database}`)
    expect([url.hostname, url.port, url.username, url.password]).toEqual(['127.0.0.1', '14330', 'entra_1', 'abc'])
  })

  it('has the quotes of JDBC', () => {
    expect(connectionStringFor({ ...door, database: 'a;b}c' }, 'jdbc')).toBe(
      'jdbc:sqlserver://127.0.0.1:14330;databaseName={a;b}}c};user=entra_1;password=abc;encrypt=false;loginTimeout=600',
    )
  })

  it.each(['prisma', 'ado.net', 'jdbc', 'uri'] as const)('leaves out a database that is not named: %s', (format) => {
    expect(connectionStringFor({ ...door, database: undefined, schema: undefined }, format)).not.toMatch(
      /undefined|database|Catalog/i,
    )
  })

  it('cannot hold a brace for Prisma', () => {
    expect(() => connectionStringFor({ ...door, schema: 'a}b' })).toThrow(/schema must not hold/)
  })
})
