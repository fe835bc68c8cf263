import { setTimeout } from 'node:timers/promises'
import { PrismaMssqlEntra } from 'prisma-adapter-mssql-entra'
import { PrismaClient } from './generated/prisma/client.ts'
import { publishNext } from './publish.ts'

/** The pause after a round without work or with a failure, in ms. */
const PAUSE = 5_000

const { DATABASE_URL } = process.env
if (DATABASE_URL === undefined) throw new Error('DATABASE_URL is not set.')

const adapter = new PrismaMssqlEntra(DATABASE_URL, {
  authentication: 'ActiveDirectoryManagedIdentity',
})
const prisma = new PrismaClient({ adapter, transactionOptions: { maxWait: 20_000 } })

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())

while (!stop.signal.aborted) {
  const title = await publishNext(prisma).catch((error: unknown) => {
    console.error(error)
    return undefined
  })
  if (title !== undefined) console.log(`published ${title}`)
  else await setTimeout(PAUSE, undefined, { signal: stop.signal }).catch(() => {})
}
await prisma.$disconnect()
console.log('stopped')
