// Run by debug-output.test.ts with every debug output on: it works for a while and fails in several ways.
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { ManagedIdentityCredential } from '@azure/identity'
import { PrismaClient } from '../../generated/prisma/client.ts'
import { PrismaMssqlEntra } from '../../src/index.ts'

const { port, database, caFile } = JSON.parse(process.env.TEST_TARGET ?? '{}')
const config = {
  server: 'localhost',
  port,
  database,
  options: { cryptoCredentialsDetails: { ca: readFileSync(caFile, 'utf8') } },
}
const adapter = new PrismaMssqlEntra(config, {
  credential: new ManagedIdentityCredential(),
  rotation: { spread: 0, connectRetryTimeout: 0 },
  onEvent: (event) => console.log(event),
})
const prisma = new PrismaClient({ adapter, log: ['query', 'info', 'warn', 'error'] })
await prisma.$connect()
while (adapter.stats().rotations === 0) await prisma.$transaction((tx) => tx.user.count())
await prisma.$queryRaw`SELECT * FROM [nothing]`.catch((error) => console.error(error))
console.log(inspect([adapter, prisma, adapter.stats()], { depth: 9, showHidden: true }))
await prisma.$disconnect()

const nowhere = new PrismaMssqlEntra(
  { ...config, database: 'no_such_database' },
  { rotation: { connectRetryTimeout: 0 } },
)
await nowhere.connect().catch((error) => console.error(error))
console.log('rotations:', adapter.stats().rotations)
