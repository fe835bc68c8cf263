import type { config as MssqlConfig } from 'mssql'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { type Target, targetOf } from '../../src/login/target.ts'

const of = (config: MssqlConfig | string) => targetOf(readConfig(config).config)

describe('the target of a config', () => {
  it.each<[MssqlConfig | string, Partial<Target>]>([
    [
      'sqlserver://h.database.windows.net;database=app',
      { host: 'h.database.windows.net', port: 1433, database: 'app', encrypt: true, trustServerCertificate: false },
    ],
    ['sqlserver://h:1444;connectTimeout=2000', { port: 1444, database: undefined, connectTimeout: 2000 }],
    ['sqlserver://h;encrypt=strict', { encrypt: 'strict', connectTimeout: 15_000 }],
    ['sqlserver://h;encrypt=strict;trustServerCertificate=true', { encrypt: 'strict', trustServerCertificate: false }],
    ['sqlserver://localhost;encrypt=false', { encrypt: false }],
    ['sqlserver://h;encrypt=true;trustServerCertificate=true', { encrypt: true, trustServerCertificate: true }],
    [
      {
        server: 'h',
        options: { serverName: '*.example', cryptoCredentialsDetails: { ca: 'PEM', minVersion: 'TLSv1.3' } },
      },
      { serverName: '*.example', tls: { ca: 'PEM', minVersion: 'TLSv1.3' } },
    ],
    [{ server: 'h', connectionTimeout: 0 }, { connectTimeout: 0 }],
  ])('%o', (config, target) => {
    expect(of(config)).toMatchObject(target)
  })

  it('refuses a named instance', () => {
    expect(() => targetOf({ server: 'h\\SQLEXPRESS' })).toThrow(/Give the port instead/)
    expect(() => targetOf({ server: 'h', options: { instanceName: 'X' } })).toThrow(/Give the port instead/)
  })
})
