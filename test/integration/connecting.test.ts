import { describe, expect, it } from 'vitest'
import { createCertificateAuthority } from '../../src/x509/certificates.ts'
import { useDatabase } from './database.ts'

const db = useDatabase()

/** Refused logins are not retried. */
const ONCE = { rotation: { connectRetryTimeout: 0 } }

const encrypted = async (prisma: typeof db.prisma) => (await prisma.user.count()) === 0

describe('a connection', () => {
  it('opens from a config object, with TLS verified', async () => {
    expect(await encrypted(db.connect().prisma)).toBe(true)
  })

  it('opens from a connection string', async () => {
    const text = db.azure.connectionString({ trustServerCertificate: 'true', connectionLimit: '2' })
    const { prisma } = db.connect({}, text)
    expect(await encrypted(prisma)).toBe(true)
  })

  it('opens over TDS 8, which starts with TLS', async () => {
    const { prisma } = db.connect({}, { options: { encrypt: 'strict' as never } })
    expect(await encrypted(prisma)).toBe(true)
  })

  it('is rejected if the certificate cannot be verified', async () => {
    const stranger = await createCertificateAuthority({ name: 'Somebody else' })
    const { prisma } = db.connect(ONCE, { options: { cryptoCredentialsDetails: { ca: stranger.certificate } } })
    await expect(prisma.$connect()).rejects.toThrow(/certificate/)
    const strict = { encrypt: 'strict' as never, cryptoCredentialsDetails: { ca: stranger.certificate } }
    await expect(db.connect(ONCE, { options: strict }).prisma.$connect()).rejects.toThrow(/certificate/)
  })

  it('is refused with a token for another audience', async () => {
    const { authority } = db.azure
    const credential = { getToken: () => authority.issueToken({ audience: 'https://graph.microsoft.com/' }) }
    await expect(db.connect({ ...ONCE, credential }).adapter.connect()).rejects.toMatchObject({
      code: 'P1000',
      cause: { code: 'TOKEN_REFUSED', number: 18456 },
      message: expect.stringContaining(`Login failed for user '<token-identified principal>'.`),
    })
  })

  it('is refused for a missing database', async () => {
    await expect(db.connect(ONCE, { database: 'no_such_database' }).adapter.connect()).rejects.toMatchObject({
      code: 'P1003',
      cause: { code: 'DATABASE_NOT_FOUND', number: 4060, state: 1 },
    })
  })

  it('fails with the first error, which Prisma Client reports', async () => {
    const credential = { getToken: () => Promise.reject(new Error('no identity here')) }
    const { prisma } = db.connect({ credential, rotation: { ...ONCE.rotation, waitTimeout: 500 } })
    await expect(prisma.user.count()).rejects.toThrow(/no identity here/)
  })

  it('reports the configured application name', async () => {
    const { prisma } = db.connect({}, { options: { appName: 'integration suite' } })
    expect(await prisma.$queryRaw`SELECT APP_NAME() AS name, DB_NAME() AS db`).toEqual([
      { name: 'integration suite', db: db.azure.upstream.database },
    ])
  })
})

describe('executeScript', () => {
  it('runs a script as one batch', async () => {
    const adapter = await db.connect().adapter.connect()
    try {
      await adapter.executeScript(`
        BEGIN TRAN;
        DECLARE @name NVARCHAR(100) = N'from a script; with a semicolon';
        INSERT INTO [dbo].[Tag] ([name]) VALUES (@name);
        INSERT INTO [dbo].[Tag] ([name]) VALUES (@name + N' twice');
        COMMIT TRAN;`)
      expect(await db.prisma.tag.count()).toBe(2)
      await expect(adapter.executeScript('SELECT * FROM [nothing]')).rejects.toMatchObject({
        name: 'DriverAdapterError',
        cause: { kind: 'mssql', code: 208 },
      })
    } finally {
      await adapter.dispose()
    }
  })
})
