import { PrismaMssqlEntra } from 'prisma-adapter-mssql-entra'
import { PrismaClient } from '../../../generated/prisma/client.ts'

function createClient(): PrismaClient {
  const { DATABASE_URL } = process.env
  if (DATABASE_URL === undefined) throw new Error('DATABASE_URL is not set.')
  const adapter = new PrismaMssqlEntra(DATABASE_URL, {
    authentication: 'ActiveDirectoryDefault',
  })
  return new PrismaClient({ adapter })
}

const kept: { prisma?: PrismaClient } = globalThis as { prisma?: PrismaClient }

/**
 * The client, made when it is first asked for: `next build` loads every route, and has no database. Hot reload loads
 * this module again and again: the client stays where it is not reloaded.
 */
export function prisma(): PrismaClient {
  kept.prisma ??= createClient()
  return kept.prisma
}
