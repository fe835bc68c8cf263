import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'

describe('a config object', () => {
  it('is copied, at each level that mssql writes into', () => {
    const given = { server: 'h', options: { appName: 'x' }, pool: { max: 3 } }
    const { config } = readConfig(given)
    expect(config).toEqual(given)
    expect(config).not.toBe(given)
    expect(config.options).not.toBe(given.options)
    expect(config.pool).not.toBe(given.pool)
  })

  it.each([
    ['a user', { server: 'h', user: 'sa' }, /remove user from.*@prisma\/adapter-mssql/],
    ['a password', { server: 'h', user: 'sa', password: 'geheim' }, /remove user, password/],
    [
      'authentication',
      { server: 'h', authentication: { type: 'azure-active-directory-default', options: {} } },
      /Pass a credential/,
    ],
    ['a token', { server: 'h', token: 'geheim' }, /remove token/],
  ])('with %s is refused', (_, given, message) => {
    const refused = expect(() => readConfig(given as never))
    refused.toThrow(expect.objectContaining({ code: 'CONFIG_CREDENTIALS', message: expect.stringMatching(message) }))
    refused.not.toThrow(/geheim/)
  })

  it.each([[undefined], [null], [{}], [{ server: '' }], [42]])('%j is refused', (given) => {
    expect(() => readConfig(given as never)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})

describe('a connection string', () => {
  it('gives config and schema', () => {
    expect(readConfig('sqlserver://h;database=app;schema=s')).toMatchObject({
      config: { database: 'app' },
      schema: 's',
    })
  })

  it.each([
    ['sqlserver://h;user=sa;password=geheim', /remove user, password/],
    ['sqlserver://h;authentication=ActiveDirectoryDefault', /remove authentication.*Pass a credential/],
  ])('with a credential is refused: %s', (text, message) => {
    const refused = expect(() => readConfig(text))
    refused.toThrow(expect.objectContaining({ code: 'CONFIG_CREDENTIALS', message: expect.stringMatching(message) }))
    refused.not.toThrow(/geheim/)
  })
})

describe('encrypt=false', () => {
  it.each(['h', 'myserver.database.windows.net', '10.0.0.1', '128.0.0.1'])('is refused for %s', (host) => {
    expect(() => readConfig(`sqlserver://${host};encrypt=false`)).toThrow(
      expect.objectContaining({ code: 'CONFIG_PLAINTEXT' }),
    )
  })

  it.each(['localhost', '127.0.0.1', '127.1.2.3', 'localhost\\SQLEXPRESS'])('is taken for %s', (host) => {
    expect(readConfig({ server: host, options: { encrypt: false } }).config.options?.encrypt).toBe(false)
  })
})
