import { app } from '@azure/functions'
import { PrismaMssqlEntra } from 'prisma-adapter-mssql-entra'
import { PrismaClient } from './generated/prisma/client.ts'

const { DATABASE_URL } = process.env
if (DATABASE_URL === undefined) throw new Error('DATABASE_URL is not set.')

// One for each worker process, made while the process starts: all its invocations share the connections.
const adapter = new PrismaMssqlEntra(DATABASE_URL, {
  authentication: 'ActiveDirectoryManagedIdentity',
  eager: true,
})

export const prisma = new PrismaClient({ adapter, transactionOptions: { maxWait: 20_000 } })

app.hook.appTerminate(() => prisma.$disconnect())
