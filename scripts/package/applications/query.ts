import { EntraError, PrismaMssqlEntra } from 'prisma-adapter-mssql-entra'
import { PrismaClient } from './generated/prisma/client'

/** Signs in, writes and reads a row, and is refused once. */
export async function query(name: string): Promise<object> {
  const config = JSON.parse(process.env.CONFIG ?? '')
  const adapter = new PrismaMssqlEntra(config, { authentication: 'ActiveDirectoryManagedIdentity' })
  const prisma = new PrismaClient({ adapter })
  const { id } = await prisma.tag.create({ data: { name } })
  const found = await prisma.tag.findUniqueOrThrow({ where: { id } })
  const refused = new PrismaClient({
    adapter: new PrismaMssqlEntra(config, {
      credential: () => ({ token: 'not a token', expiresOnTimestamp: Date.now() + 3_600_000 }),
    }),
  })
  const { code, meta } = await refused.tag.count().catch((error) => error)
  await prisma.$disconnect()
  await refused.$disconnect()
  return { found: found.name, code, isEntraError: meta.driverAdapterError instanceof EntraError }
}
