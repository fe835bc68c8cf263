import { PrismaMssqlEntra } from 'prisma-adapter-mssql-entra'
import { PrismaClient } from '../generated/prisma/client.ts'

function createClient(): PrismaClient {
  const { DATABASE_URL } = process.env
  if (DATABASE_URL === undefined) throw new Error('DATABASE_URL is not set.')
  const adapter = new PrismaMssqlEntra(DATABASE_URL, {
    authentication: 'ActiveDirectoryDefault',
  })
  return new PrismaClient({ adapter, transactionOptions: { maxWait: 20_000 } })
}

const kept: { prisma?: PrismaClient } = globalThis as { prisma?: PrismaClient }

/**
 * Creates the client on first use, because `next build` loads every route without a database. Hot reload reloads this
 * module, so the client lives on `globalThis`.
 */
export function prisma(): PrismaClient {
  kept.prisma ??= createClient()
  return kept.prisma
}
