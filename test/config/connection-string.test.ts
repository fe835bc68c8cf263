import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseConnectionString } from '../../src/config/connection-string.ts'
import { EntraError } from '../../src/errors.ts'

const config = (text: string) => parseConnectionString(text).config

describe('a connection string', () => {
  it.each([
    ['sqlserver://host', { server: 'host' }],
    ['host:1444', { server: 'host', port: 1444 }],
    ['sqlserver://host\\instance', { server: 'host\\instance' }],
    ['sqlserver://h:1433;database=app', { server: 'h', port: 1433, database: 'app' }],
    ['sqlserver://h;initial catalog=app;', { server: 'h', database: 'app' }],
    ['sqlserver://h;DATABASE=app', { server: 'h', database: 'app' }],
    ['sqlserver://h;database={a;b=c}', { server: 'h', database: 'a;b=c' }],
    ['sqlserver://h;database=a{b', { server: 'h', database: 'a{b' }],
    ['sqlserver://h;encrypt=true', { server: 'h', options: { encrypt: true } }],
    ['sqlserver://h;encrypt=strict', { server: 'h', options: { encrypt: 'strict' } }],
    ['sqlserver://h;trustServerCertificate=True', { server: 'h', options: { trustServerCertificate: true } }],
    ['sqlserver://h;multiSubnetFailover=false', { server: 'h', options: { multiSubnetFailover: false } }],
    ['sqlserver://h;applicationName=x', { server: 'h', options: { appName: 'x' } }],
    ['sqlserver://h;application name={my app}', { server: 'h', options: { appName: 'my app' } }],
    ['sqlserver://h;connectionLimit=5', { server: 'h', pool: { max: 5 } }],
    ['sqlserver://h;poolTimeout=5', { server: 'h', pool: { acquireTimeoutMillis: 5000 } }],
    ['sqlserver://h;connectionTimeout=5000', { server: 'h', connectionTimeout: 5000 }],
    ['sqlserver://h;loginTimeout=5000', { server: 'h', connectionTimeout: 5000 }],
    ['sqlserver://h;socketTimeout=5000', { server: 'h', requestTimeout: 5000 }],
    ['sqlserver://h;isolationLevel=READ UNCOMMITTED', { server: 'h', options: { isolationLevel: 1 } }],
    ['sqlserver://h;isolationLevel=Snapshot', { server: 'h', options: { isolationLevel: 5 } }],
    ['sqlserver://h;somethingElse=1', { server: 'h' }],
  ])('%s', (text, expected) => expect(config(text)).toEqual({ options: {}, pool: {}, ...expected }))

  it('names the schema, and the parameters that carry a credential', () => {
    expect(parseConnectionString('sqlserver://h;schema=sales;User=a;password={b;c};authentication=X')).toMatchObject({
      schema: 'sales',
      credentialParameters: ['User', 'password', 'authentication'],
    })
  })

  it.each([
    ['', /names no server/],
    ['sqlserver://;database=x', /names no server/],
    ['sqlserver://h:0', /port must be a whole number from 1 to 65535, not "0"/],
    ['sqlserver://h:x', /port must be/],
    ['sqlserver://h;database', /"database" without "="/],
    ['sqlserver://h;database=a;Database=b', /Database twice/],
    ['sqlserver://h;database={a', /database opens a brace/],
    ['sqlserver://h;encrypt=maybe', /encrypt must be true or false, not "maybe"/],
    ['sqlserver://h;connectionLimit=0', /connectionLimit must be a whole number from 1/],
    ['sqlserver://h;connectTimeout=abc', /connectTimeout must be a whole number/],
    ['sqlserver://h;isolationLevel=none', /isolation level such as/],
  ])('%s is refused', (text, message) => {
    expect(() => config(text)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    )
  })

  it('gives a config or a clear error, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'sqlserver://h;={}a1 \\') }), (text) => {
        try {
          expect(config(text).server).not.toBe('')
        } catch (error) {
          expect(error).toBeInstanceOf(EntraError)
        }
      }),
    )
  })
})
