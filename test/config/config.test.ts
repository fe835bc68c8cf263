import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { refusePlaintext } from '../../src/config/address.ts'
import { readConfig } from '../../src/config/config.ts'
import { SignIn } from '../../src/credentials/sign-in.ts'
import { createCertificateAuthority } from '../../src/x509/certificates.ts'

describe('a config object', () => {
  it('is copied, at each level that mssql writes into', () => {
    const given = { server: 'h', options: { appName: 'x' }, pool: { max: 3 } }
    const { config } = readConfig(given)
    expect(config).toEqual(given)
    expect(config).not.toBe(given)
    expect(config.options).not.toBe(given.options)
    expect(config.pool).not.toBe(given.pool)
  })

  const ID = '11111111-2222-3333-4444-555555555555'

  it.each([
    ['azure-active-directory-default', {}, 'ActiveDirectoryDefault', {}],
    ['azure-active-directory-default', { clientId: ID }, 'ActiveDirectoryDefault', { clientId: ID }],
    ['azure-active-directory-msi-vm', { clientId: ID }, 'ActiveDirectoryManagedIdentity', { clientId: ID }],
    ['azure-active-directory-msi-app-service', undefined, 'ActiveDirectoryManagedIdentity', {}],
    [
      'azure-active-directory-service-principal-secret',
      { clientId: ID, clientSecret: 'geheim', tenantId: 'contoso.com' },
      'ActiveDirectoryServicePrincipal',
      { clientId: ID, tenantId: 'contoso.com', secret: 'geheim' },
    ],
  ])('with authentication of type %s and %j', (type, options, method, details) => {
    const {
      config,
      signIns: [signIn],
      warnings,
    } = readConfig({ server: 'h', authentication: { type, options } as never })
    expect(config).toEqual({ server: 'h', options: {}, pool: {} })
    expect({ ...signIn, secret: signIn?.secret }).toEqual({ method, ...details })
    expect(warnings).toEqual([])
  })

  it('is read with mssql’s own fields for signing in', () => {
    const {
      config,
      signIns: [signIn],
    } = readConfig({
      server: 'h',
      authentication_type: 'azure-active-directory-service-principal-secret',
      clientId: ID,
      clientSecret: 'geheim',
      tenantId: 'contoso.com',
    } as never)
    expect(config).toEqual({ server: 'h', options: {}, pool: {} })
    expect({ ...signIn, secret: signIn?.secret }).toEqual({
      method: 'ActiveDirectoryServicePrincipal',
      clientId: ID,
      tenantId: 'contoso.com',
      secret: 'geheim',
    })
  })

  it('warns about fields without effect', () => {
    const options = { msiEndpoint: 'x', msiSecret: 'geheim' }
    const { warnings } = readConfig({
      server: 'h',
      authentication: { type: 'azure-active-directory-msi-app-service', options },
    } as never)
    expect(warnings.map(({ parameter }) => parameter)).toEqual(['msiEndpoint', 'msiSecret'])
    expect(JSON.stringify(warnings)).not.toMatch(/geheim/)
  })

  const type = (name: string, options = {}) => ({ server: 'h', authentication: { type: name, options } })
  it.each([
    ['a user', { server: 'h', user: 'sa' }, /remove user from.*@prisma\/adapter-mssql/],
    ['a password', { server: 'h', user: 'sa', password: 'geheim' }, /remove user, password/],
    ['a token', { server: 'h', token: 'geheim' }, /remove token/],
    ['a domain', { server: 'h', domain: 'd' }, /remove domain/],
    ['a SQL login', type('default', { userName: 'sa', password: 'geheim' }), /signs in with tokens/],
    ['NTLM', type('ntlm', { userName: 'sa', password: 'geheim' }), /signs in with tokens/],
    ['an access token', type('azure-active-directory-access-token', { token: 'geheim' }), /Pass a credential/],
    ['a credential', type('token-credential', { credential: {} }), /Pass a credential/],
  ])('with %s is refused', (_, given, message) => {
    const refused = expect(() => readConfig(given as never))
    refused.toThrow(expect.objectContaining({ code: 'CONFIG_CREDENTIALS', message: expect.stringMatching(message) }))
    refused.not.toThrow(/geheim/)
  })

  it.each([
    ['azure-active-directory-password', /deprecated/],
    ['magic', /no authentication "magic"/],
    ['azure-active-directory-service-principal-secret', /userName must be a client id/],
  ])('with authentication of type %s is refused', (name, message) => {
    expect(() => readConfig(type(name, { userName: 'me', password: 'geheim' }) as never)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    )
  })

  it.each([[undefined], ['']])(
    'that is missing (%j) causes an error that mentions .env, which Prisma 7 does not load',
    (given) => {
      const said = { code: 'CONFIG_INVALID', message: expect.stringMatching(/DATABASE_URL.*does not load \.env/) }
      expect(() => readConfig(given as never)).toThrow(expect.objectContaining(said))
    },
  )

  it.each([[null], [{}], [{ server: '' }], [42]])('%j is refused', (given) => {
    expect(() => readConfig(given as never)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})

describe('a connection string', () => {
  it('yields a config and a schema', () => {
    expect(readConfig('sqlserver://h;database=app;schema=s')).toMatchObject({
      config: { database: 'app' },
      schema: 's',
    })
  })

  it('reads the file of a certificate authority, PEM or DER', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'config-'))
    try {
      const { certificate } = await createCertificateAuthority()
      writeFileSync(join(folder, 'ca.pem'), certificate)
      writeFileSync(join(folder, 'ca.der'), new X509Certificate(certificate).raw)
      const trusted = (file: string) =>
        readConfig(`sqlserver://h;trustServerCertificateCA={${join(folder, file)}}`).config.options
          ?.cryptoCredentialsDetails?.ca
      expect(trusted('ca.pem')).toBe(certificate)
      expect(String(trusted('ca.der')).trim()).toBe(certificate.trim())
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('authentication in the options', () => {
  const ID = '11111111-2222-3333-4444-555555555555'

  it('is combined with the details of the config', () => {
    const {
      signIns: [signIn],
    } = readConfig(`sqlserver://h;user=${ID};password=geheim`, {
      authentication: 'Active Directory Service Principal',
    })
    expect(signIn).toMatchObject({ method: 'ActiveDirectoryServicePrincipal', clientId: ID, secret: 'geheim' })
  })

  it('may repeat the config', () => {
    const text = 'sqlserver://h;authentication=ActiveDirectoryMSI'
    expect(readConfig(text, { authentication: 'ManagedIdentityCredential' }).signIns[0]?.method).toBe(
      'ActiveDirectoryManagedIdentity',
    )
  })

  it.each([
    [
      'sqlserver://h;authentication=AzureCli',
      'Environment',
      /config says authentication=AzureCli, the options say Env/,
    ],
    ['sqlserver://h', 'magic', /no authentication "magic"/],
    ['sqlserver://h', 'ActiveDirectoryPassword', /deprecated/],
    ['sqlserver://h', 'ActiveDirectoryServicePrincipal', /needs the application's id/],
  ])('%s with %s is refused', (text, authentication, message) => {
    expect(() => readConfig(text, { authentication })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    )
  })
})

describe('tenantId and clientId in the options', () => {
  const ID = '11111111-2222-3333-4444-555555555555'
  const OTHER = '11111111-2222-3333-4444-666666666666'
  const tenantId = 'contoso.com'

  it('add what the config does not say', () => {
    const inCode = { authentication: 'ActiveDirectoryServicePrincipal', tenantId, clientId: ID }
    const {
      signIns: [signIn],
      warnings,
    } = readConfig('sqlserver://h;password=geheim', inCode)
    expect(signIn).toMatchObject({ method: inCode.authentication, tenantId, clientId: ID, secret: 'geheim' })
    expect(warnings).toEqual([])
  })

  it('apply to the default chain if nothing else is configured', () => {
    expect(readConfig('sqlserver://h', { tenantId }).signIns).toEqual([
      new SignIn('ActiveDirectoryDefault', { tenantId }),
    ])
    expect(readConfig('sqlserver://h').signIns).toEqual([])
  })

  it('override those of the config, with a warning', () => {
    const text = `sqlserver://h;tenantId=fabrikam.com;clientId=${OTHER}`
    const {
      signIns: [signIn],
      warnings,
    } = readConfig(text, { tenantId, clientId: ID })
    expect(signIn).toMatchObject({ tenantId, clientId: ID })
    expect(warnings).toEqual([
      { parameter: 'tenantId', message: expect.stringContaining('The tenantId of the options is used instead.') },
      { parameter: 'clientId', message: expect.stringContaining('The clientId of the options is used instead.') },
    ])
    expect(readConfig(text, { tenantId: 'fabrikam.com' }).warnings).toEqual([])
  })

  it('cause a warning if they have no effect', () => {
    expect(readConfig('sqlserver://h', { authentication: 'AzureCli', clientId: ID }).warnings).toEqual([
      { parameter: 'clientId', message: 'clientId has no effect with authentication=AzureCli.' },
    ])
  })

  it('are refused with another name of the same identity, and in an invalid form', () => {
    const text = `sqlserver://h;authentication=ActiveDirectoryMSI;objectId=${OTHER}`
    expect(() => readConfig(text, { clientId: ID })).toThrow(/cannot both be given/)
    expect(() => readConfig('sqlserver://h', { clientId: 'my-app' })).toThrow(/clientId must be a client id \(a GUID\)/)
  })
})

describe('the sign-in of a config', () => {
  it('does not reveal its secret', () => {
    const signIn = new SignIn('ActiveDirectoryServicePrincipal', { clientId: 'id', secret: 'geheim' })
    expect(signIn.secret).toBe('geheim')
    expect(inspect(signIn, { showHidden: true, breakLength: Number.POSITIVE_INFINITY })).toBe(
      "{ method: 'ActiveDirectoryServicePrincipal', clientId: 'id', secret: '***' }",
    )
    expect(JSON.stringify({ signIn })).toBe('{"signIn":{"method":"ActiveDirectoryServicePrincipal","clientId":"id"}}')
  })
})

describe('an option that mssql also accepts at the top level', () => {
  it('is read unless options override it', () => {
    const given = { server: 'localhost', encrypt: false, trustServerCertificate: true }
    expect(readConfig(given as never).config).toEqual({
      server: 'localhost',
      options: { encrypt: false, trustServerCertificate: true },
      pool: {},
    })
    expect(readConfig({ ...given, options: { encrypt: true } } as never).config.options?.encrypt).toBe(true)
  })

  it('cannot turn encryption off for a server on another machine', () => {
    expect(() => readConfig({ server: 'db.example', encrypt: false } as never)).toThrow(
      expect.objectContaining({ code: 'CONFIG_PLAINTEXT' }),
    )
  })
})

describe('encrypt=false', () => {
  it.each(['h', 'myserver.database.windows.net', '10.0.0.1', '128.0.0.1'])('is refused for %s', (host) => {
    expect(() => readConfig(`sqlserver://${host};encrypt=false`)).toThrow(
      expect.objectContaining({ code: 'CONFIG_PLAINTEXT' }),
    )
  })

  it.each(['localhost', '127.0.0.1', '127.1.2.3', 'localhost\\SQLEXPRESS'])('is accepted for %s', (host) => {
    expect(readConfig({ server: host, options: { encrypt: false } }).config.options?.encrypt).toBe(false)
  })
})

describe('an unencrypted connection', () => {
  it.each(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])('may stay on this machine: %s', (address) => {
    expect(() => refusePlaintext('h', false, address)).not.toThrow()
  })

  it.each(['192.0.2.1', '10.127.0.1', '2001:db8::1', '::ffff:192.0.2.127', ''])(
    'may not leave this machine: %s',
    (address) => {
      expect(() => refusePlaintext('h', false, address)).toThrow(/in the clear/)
      expect(() => refusePlaintext('h', true, address)).not.toThrow()
      expect(() => refusePlaintext('h', 'strict', address)).not.toThrow()
    },
  )
})
