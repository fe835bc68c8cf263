import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useSeededDatabase } from './fixtures.ts'

const { db, people } = useSeededDatabase()

/** The adapter's version of the server's error, as Prisma stores it. */
const cause = (cause: object) => ({
  driverAdapterError: expect.objectContaining({ cause: expect.objectContaining(cause) }),
})

describe('a violated constraint', () => {
  it('gives P2002 with the table if it is a unique constraint', async () => {
    await expect(db.prisma.user.create({ data: { email: 'ANN@example.test' } })).rejects.toMatchObject({
      code: 'P2002',
      meta: {
        modelName: 'User',
        ...cause({ kind: 'UniqueConstraintViolation', constraint: { index: 'dbo.User' }, table: 'User' }),
      },
    })
    await expect(
      db.prisma.account.updateMany({ where: { provider: 'google' }, data: { provider: 'github' } }),
    ).rejects.toMatchObject({ code: 'P2002', meta: cause({ table: 'accounts' }) })
    await expect(
      db.prisma.comment.create({ data: { postId: people.first.id, number: 1, text: 'again' } }),
    ).rejects.toMatchObject({ code: 'P2002', meta: cause({ table: 'Comment' }) })
  })

  it('gives P2002 with the index if it is a unique index', async () => {
    await db.sql('CREATE UNIQUE INDEX [EveryType_int] ON [dbo].[EveryType] ([int])')
    try {
      const data = [1, 2].map((id) => ({ id, int: 5 }))
      await expect(db.prisma.everyType.createMany({ data })).rejects.toMatchObject({
        code: 'P2002',
        meta: cause({ constraint: { index: 'EveryType_int' }, table: 'EveryType' }),
      })
    } finally {
      await db.sql('DROP INDEX [EveryType_int] ON [dbo].[EveryType]')
    }
  })

  it('gives P2003 with its name if it is a foreign key', async () => {
    await expect(db.prisma.post.create({ data: { title: 'x', slug: 'x', authorId: -1 } })).rejects.toMatchObject({
      code: 'P2003',
      meta: cause({ kind: 'ForeignKeyConstraintViolation', constraint: { index: 'Post_authorId_fkey' } }),
    })
    const manager = await db.prisma.user.create({ data: { email: 'x', reports: { create: { email: 'y' } } } })
    await expect(db.prisma.user.deleteMany({ where: { id: manager.id } })).rejects.toMatchObject({
      code: 'P2003',
      meta: cause({ constraint: { index: 'User_managerId_fkey' } }),
    })
  })

  it('names the column if it is NOT NULL', async () => {
    await expect(
      db.prisma.$executeRaw`UPDATE [User] SET [email] = NULL WHERE [id] = ${people.ann.id}`,
    ).rejects.toMatchObject({
      code: 'P2010',
      meta: cause({ kind: 'NullConstraintViolation', constraint: { fields: ['email'] } }),
    })
  })

  it('gives P2011 if it is NOT NULL on a column unknown to Prisma', async () => {
    await db.sql('ALTER TABLE [dbo].[EveryDefault] ADD [extra] INT NOT NULL')
    try {
      await expect(db.prisma.everyDefault.create({ data: {} })).rejects.toMatchObject({
        code: 'P2011',
        meta: cause({ constraint: { fields: ['extra'] } }),
      })
    } finally {
      await db.sql('ALTER TABLE [dbo].[EveryDefault] DROP COLUMN [extra]')
    }
  })
})

describe('an invalid value', () => {
  it('gives P2000 with the column if it is too long', async () => {
    await expect(
      db.prisma.post.update({ where: { slug: 'first' }, data: { title: 'x'.repeat(201) } }),
    ).rejects.toMatchObject({ code: 'P2000', meta: cause({ kind: 'LengthMismatch', column: 'title' }) })
    const surrogates = '🎉'.repeat(51)
    await expect(db.prisma.everyType.create({ data: { id: 1, nVarChar: surrogates } })).rejects.toMatchObject({
      code: 'P2000',
      meta: cause({ column: 'nVarChar' }),
    })
    await expect(db.prisma.everyType.create({ data: { id: 1, varBinary: new Uint8Array(101) } })).rejects.toMatchObject(
      { code: 'P2000', meta: cause({ column: 'varBinary' }) },
    )
  })

  it.each([
    ['tinyInt', 256],
    ['tinyInt', -1],
    ['smallInt', 32_768],
    ['smallMoney', 214_749],
    ['decimal', '1e16'],
    ['dateTimeOld', new Date('1752-12-31T00:00:00Z')],
    ['smallDateTime', new Date('2079-06-07T00:00:00Z')],
  ])('gives P2020 if it is out of range (%s %s)', async (field, value) => {
    await expect(db.prisma.everyType.create({ data: { id: 1, [field]: value } })).rejects.toMatchObject({
      code: 'P2020',
    })
    expect(await db.prisma.everyType.count()).toBe(0)
  })

  it('gives P2020 if a computation is out of range', async () => {
    await expect(
      db.prisma.user.update({ where: { id: people.ann.id }, data: { credits: { increment: 2_147_483_647 } } }),
    ).rejects.toMatchObject({ code: 'P2020', meta: cause({ kind: 'ValueOutOfRange' }) })
  })

  it('gives P2023 if it is not an identifier', async () => {
    await expect(db.prisma.account.findUnique({ where: { id: 'no uuid' } })).rejects.toMatchObject({ code: 'P2023' })
  })
})

describe('a missing record', () => {
  it('gives P2025', async () => {
    const where = { email: 'nobody@example.test' }
    await expect(db.prisma.user.update({ where, data: { name: 'x' } })).rejects.toMatchObject({ code: 'P2025' })
    await expect(db.prisma.user.delete({ where })).rejects.toMatchObject({ code: 'P2025' })
    await expect(
      db.prisma.post.create({ data: { title: 'x', slug: 'x', author: { connect: where } } }),
    ).rejects.toMatchObject({ code: 'P2025' })
    expect(await db.prisma.post.count({ where: { slug: 'x' } })).toBe(0)
  })

  it('gives P2014 if a required relation would be broken', async () => {
    await expect(
      db.prisma.user.update({
        where: { id: people.ann.id },
        data: { accounts: { set: [] } },
      }),
    ).rejects.toMatchObject({ code: 'P2014' })
    expect(await db.prisma.account.count()).toBe(2)
  })
})

describe('a missing table or column', () => {
  const SCHEMA = 'prisma_adapter_mssql_entra_test'
  const drop = async () => {
    await db.sql(`DROP TABLE IF EXISTS [${SCHEMA}].[Tag]`)
    await db.sql(`DROP SCHEMA IF EXISTS [${SCHEMA}]`)
  }

  beforeAll(async () => {
    await drop()
    await db.sql(`CREATE SCHEMA [${SCHEMA}]`)
    await db.sql(`CREATE TABLE [${SCHEMA}].[Tag] ([id] INT NOT NULL)`)
  })
  afterAll(drop)

  it('gives P2021 or P2022 in the schema that the adapter was given', async () => {
    const { prisma } = db.connect({ schema: SCHEMA })
    await expect(prisma.user.findMany()).rejects.toMatchObject({
      code: 'P2021',
      meta: cause({ kind: 'TableDoesNotExist', table: `${SCHEMA}.User` }),
    })
    await expect(prisma.tag.findMany()).rejects.toMatchObject({
      code: 'P2022',
      meta: cause({ kind: 'ColumnNotFound', column: 'name' }),
    })
    expect(await prisma.tag.count()).toBe(0)
  })
})

describe('raw SQL', () => {
  it.each([
    ['a syntax error', 'SELEC 1', 'Could not find stored procedure'],
    ['a syntax error', 'SELECT * FROM WHERE', 'Incorrect syntax near'],
    ['a missing table', 'SELECT * FROM [nothing]', `Invalid object name 'nothing'.`],
    ['a missing column', 'SELECT [nothing] FROM [User]', `Invalid column name 'nothing'.`],
    ['a division by zero', 'SELECT 1 / 0 AS x', 'Divide by zero error encountered.'],
    ['a failed conversion', `SELECT CAST('x' AS INT) AS x`, `Conversion failed when converting the varchar value 'x'`],
  ])('with %s gives P2010 with the server’s message', async (_, sql, message) => {
    await expect(db.prisma.$queryRawUnsafe(sql)).rejects.toMatchObject({
      code: 'P2010',
      message: expect.stringContaining(message),
    })
  })

  it.each([
    [102, 'SELECT * FROM [User] WHERE )'],
    [50_000, `RAISERROR('mine', 16, 1)`],
    [50_001, `THROW 50001, 'mine', 1`],
    [8134, 'SELECT 1 / 0 AS x'],
  ])('reports the error number %i', async (code, sql) => {
    await expect(db.prisma.$executeRawUnsafe(sql)).rejects.toMatchObject({
      code: 'P2010',
      meta: cause({ kind: 'mssql', code }),
    })
  })

  it('leaves the connection usable after an error', async () => {
    for (let i = 0; i < 20; i++) await expect(db.prisma.$queryRawUnsafe('SELECT * FROM [nothing]')).rejects.toThrow()
    expect(await db.prisma.user.count()).toBe(4)
  })
})
