import { expect, it } from 'vitest'
import { useDatabase } from './database.ts'
import { start } from './faults/support.ts'

const db = useDatabase()

/** The server behind the gateway, as a container on a laptop is. */
function string(password?: string): string {
  const { port, user, password: right, database, encrypt, trustServerCertificate } = db.azure.upstream
  return (
    `sqlserver://127.0.0.1:${port};database=${database};user=${user};password={${password ?? right}};` +
    `encrypt=${encrypt};trustServerCertificate=${trustServerCertificate}`
  )
}

it('a server on this machine is used with a password, by the same pool and without a token', async () => {
  const { prisma, adapter } = db.connect({}, string())
  await prisma.tag.create({ data: { name: 'a' } })
  expect(await prisma.$transaction((tx) => tx.tag.count())).toBe(1)
  await Promise.all(Array.from({ length: 20 }, () => prisma.tag.count()))
  expect(adapter.stats()).toMatchObject({ rotations: 0, waiting: 0 })
  expect(db.azure.gateway.stats().logins).toBe(0)
})

it('a wrong password fails at once with what the server says', async () => {
  const { adapter } = db.connect({}, string('wrong'))
  const failed = start(adapter.connect())
  await expect(failed).rejects.toMatchObject({ code: 'P1000', meta: { code: 'LOGIN_FAILED', number: 18456 } })
})
