import mssql from 'mssql'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import {
  clientSettingsOf,
  connectionStringFor,
  notPassedOn,
  type ProxyLogin,
} from '../../src/proxy/connection-strings.ts'
import { readUrl } from '../support/sqlserver-url.ts'

const login: ProxyLogin = {
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

describe('a connection string of the proxy', () => {
  it.each(awkward)('is read by Prisma for the database %s', (database) => {
    const { host, port, value } = readUrl(connectionStringFor({ ...login, database }))
    expect([host, port, value('database'), value('schema')]).toEqual(['127.0.0.1', 14330, database, 'sales'])
    expect([value('user'), value('password'), value('encrypt')]).toEqual(['entra_1', 'abc', 'DANGER_PLAINTEXT'])
  })

  it.each(awkward)('is read as ADO.NET’s for the database %s', (database) => {
    expect(parsed(connectionStringFor({ ...login, database }, 'ado.net'))).toMatchObject({
      server: '127.0.0.1',
      port: 14330,
      user: 'entra_1',
      password: 'abc',
      database,
      options: { encrypt: false },
    })
  })

  it.each(awkward)('is a URL for the database %s', (database) => {
    const url = new URL(connectionStringFor({ ...login, database }, 'uri'))
    expect(decodeURIComponent(url.pathname)).toBe(`/${database}`)
    expect([url.hostname, url.port, url.username, url.password]).toEqual(['127.0.0.1', '14330', 'entra_1', 'abc'])
  })

  it('is quoted for JDBC', () => {
    expect(connectionStringFor({ ...login, database: 'a;b}c' }, 'jdbc')).toBe(
      'jdbc:sqlserver://127.0.0.1:14330;databaseName={a;b}}c};user=entra_1;password=abc;encrypt=false;loginTimeout=600',
    )
  })

  it.each(['prisma', 'ado.net', 'jdbc', 'uri'] as const)('leaves out an unnamed database, as %s', (format) => {
    expect(connectionStringFor({ ...login, database: undefined, schema: undefined }, format)).not.toMatch(
      /undefined|database|Catalog/i,
    )
  })

  it('for Prisma cannot contain a brace', () => {
    expect(() => connectionStringFor({ ...login, schema: 'a}b' })).toThrow(/schema must not contain/)
  })

  const said =
    'sqlserver://h;database=app;connectionLimit=3;socketTimeout=30500;poolTimeout=20;isolationLevel=REPEATABLE READ;' +
    'packetSize=8192;workstationID=w;connectTimeout=5000'
  const settings = clientSettingsOf(readConfig(said).config)

  it.each([
    ['prisma', ';socketTimeout=30500;connectionLimit=3;poolTimeout=20;isolationLevel=REPEATABLE READ'],
    ['engine', ';socketTimeout=31;connectionLimit=3;poolTimeout=20;isolationLevel=REPEATABLE READ'],
    ['ado.net', ';Command Timeout=31;Max Pool Size=3'],
    ['jdbc', ';queryTimeout=31'],
    ['uri', ''],
  ] as const)('says what the user’s string said, in names and units of %s', (format, end) => {
    const without = connectionStringFor(login, format)
    expect(connectionStringFor({ ...login, settings }, format)).toBe(without + end)
  })

  it.each([
    ['prisma', /cannot pass on packetSize and workstationID,/],
    ['ado.net', /cannot pass on poolTimeout and isolationLevel and packetSize and workstationID,/],
  ] as const)('has a warning for what %s cannot say', (format, warning) => {
    expect(notPassedOn(settings, format)).toMatch(warning)
    expect(notPassedOn({}, format)).toBeUndefined()
  })
})
