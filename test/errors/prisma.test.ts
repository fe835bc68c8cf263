import { expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.ts'
import { PrismaCodeError } from '../../src/errors/prisma-error.ts'
import { EntraError } from '../../src/index.ts'
import { useDatabase } from '../integration/database.ts'

const db = useDatabase()
const ONCE = { rotation: { connectRetryTimeout: 0 } }

/** As Prisma shows it: its code, our message, and our error in `meta`. */
async function expectShown(
  work: Promise<unknown>,
  code: string,
  meta: object,
  message: RegExp,
  kind: new (...args: never[]) => Error = Prisma.PrismaClientKnownRequestError,
) {
  const error = await work.catch((error: unknown) => error)
  expect(error).toBeInstanceOf(kind)
  expect(error).toMatchObject({
    code,
    message: expect.stringMatching(message),
    meta: { ...meta, driverAdapterError: expect.any(EntraError) },
  })
}

const FIREWALL = { code: 'FIREWALL', number: 40615, state: 1 }

it('$connect, a query, a raw query and both kinds of transaction show the same error', async () => {
  const fault = db.azure.gateway.inject({ at: 'login', action: { refuse: { number: 40615 } } })
  try {
    const { prisma } = db.connect(ONCE)
    const message = /firewall blocks 203\.0\.113\.7\.\nAllow it.*\n {2}az sql .*\n.*\nSee .*#firewall$/
    for (const work of [
      () => prisma.user.count(),
      () => prisma.$queryRaw`SELECT 1 AS one`,
      () => prisma.$transaction([prisma.user.count()]),
    ]) {
      await expectShown(work(), 'P1001', FIREWALL, message)
    }
    // These two Prisma hands through as they are.
    for (const work of [() => prisma.$connect(), () => prisma.$transaction((tx) => tx.user.count())]) {
      await expectShown(work(), 'P1001', FIREWALL, message, PrismaCodeError)
    }
  } finally {
    fault.clear()
  }
})

it('the error of a query also names its model', async () => {
  const fault = db.azure.gateway.inject({ at: 'login', action: { refuse: { number: 10928 } } })
  try {
    const { prisma } = db.connect(ONCE)
    const meta = { modelName: 'User', code: 'TOO_MANY_CONNECTIONS', number: 10928 }
    await expectShown(
      prisma.user.count(),
      'P2037',
      meta,
      /Invalid `prisma\.user\.count\(\)` invocation|fewer connections/,
    )
  } finally {
    fault.clear()
  }
})

it('a connection that is lost in a transaction is P2034, and the client still works', async () => {
  const { prisma } = db.connect()
  const work = prisma.$transaction(
    async (tx) => {
      await tx.tag.create({ data: { name: 'gone' } })
      db.azure.gateway.inject({ at: 'response', action: { drop: true }, times: 1 })
      await tx.tag.count()
    },
    { timeout: 60_000 },
  )
  await expectShown(work, 'P2034', { code: 'TRANSACTION_INTERRUPTED' }, /rolled back.*It can be run again/)
  expect(await prisma.tag.count()).toBe(0)
})

it('a statement that takes too long in a transaction is P1008', async () => {
  const { prisma } = db.connect({}, { requestTimeout: 500 })
  const work = prisma.$transaction((tx) => tx.$executeRaw`WAITFOR DELAY '00:05:00'`, { timeout: 60_000 })
  await expectShown(work, 'P1008', { code: 'STATEMENT_TIMEOUT' }, /took too long and was canceled/)
})

it('an error of SQL stays Prisma’s own', async () => {
  await expect(db.prisma.$queryRaw`SELECT * FROM [nothing]`).rejects.toMatchObject({ code: 'P2010' })
})
