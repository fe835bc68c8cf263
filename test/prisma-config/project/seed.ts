import { PrismaClient } from '../../../generated/prisma/client.ts'
import { PrismaMssqlEntra } from '../../../src/index.ts'

/** As a user's would be: signs in by itself, and knows nothing of the command that runs it. */
const { server } = JSON.parse(process.env.ENTRA_DATASOURCE ?? '{}')

const prisma = new PrismaClient({ adapter: new PrismaMssqlEntra(server, { rotation: { waitTimeout: 120_000 } }) })
const { name } = await prisma.tag.create({ data: { name: process.argv[2] ?? 'seeded' } })
console.log(`There is now a tag ${name}.`)
await prisma.$disconnect()
