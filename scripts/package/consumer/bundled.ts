/**
 * A function as it is deployed: one file. Reads and writes, meets an error, and tells what it
 * saw. Without top-level await, which a bundle of CommonJS cannot have.
 */
import { ManagedIdentityCredential } from '@azure/identity'
import { EntraError, PrismaMssqlEntra, TokenSource } from 'prisma-adapter-mssql-entra'
import { PrismaClient } from './generated/prisma/client.ts'

async function main(name: string): Promise<void> {
  const adapter = new PrismaMssqlEntra(JSON.parse(process.env.CONFIG ?? ''), {
    authentication: 'ActiveDirectoryManagedIdentity',
  })
  const prisma = new PrismaClient({ adapter })

  const { id } = await prisma.tag.create({ data: { name } })
  const found = await prisma.tag.findUniqueOrThrow({ where: { id } })
  const twice = await prisma.tag.create({ data: { name } }).catch((error) => error.code)

  // A query of another client is refused for its token: errors are told by their class.
  const refused = new PrismaClient({
    adapter: new PrismaMssqlEntra(JSON.parse(process.env.CONFIG ?? ''), {
      credential: () => ({ token: 'not a token', expiresOnTimestamp: Date.now() + 3_600_000 }),
    }),
  })
  const refusal = await refused.tag.count().catch((error) => error)
  const { driverAdapterError } = refusal.meta

  // A plugin of @azure/identity is native code: it is looked for beside the bundle when it is needed.
  const plugin = await new TokenSource('ActiveDirectoryIntegrated', { scope: 'https://database.windows.net/.default' })
    .get()
    .catch((error) => error)

  const named: string[] = []
  await new TokenSource(new ManagedIdentityCredential(), {
    scope: 'https://database.windows.net/.default',
    onEvent: (event) => event.type === 'token.acquired' && named.push(event.credential),
  }).get()

  console.log(
    JSON.stringify({
      found: found.name,
      twice,
      refusal: refusal.code,
      isEntraError: driverAdapterError instanceof EntraError,
      code: driverAdapterError.code,
      name: driverAdapterError.name,
      plugin: plugin.code,
      named,
      tokensRequested: adapter.stats().tokensRequested,
    }),
  )
  await prisma.$disconnect()
  await refused.$disconnect()
}

void main(process.argv[2] ?? '')
