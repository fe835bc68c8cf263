/** A script whose first query has to wait. `argv`: `query`, or `warmUp` before it; then `silent` for a silent credential. */
import { ManagedIdentityCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { PrismaClient } from '../../../generated/prisma/client.ts'
import { PrismaMssqlEntra } from '../../../src/index.ts'

const config: MssqlConfig = JSON.parse(process.env.WAITING_TEST ?? '')
const [, , first, silent] = process.argv
const adapter = new PrismaMssqlEntra(config, {
  credential: silent
    ? () => new Promise<never>(() => {})
    : new ManagedIdentityCredential({ retryOptions: { maxRetries: 0 } }),
  rotation: { connectRetryInterval: 100, ...(silent && { waitTimeout: 500 }) },
})
const prisma = new PrismaClient({ adapter })
if (first === 'warmUp') await adapter.warmUp()
console.log(await prisma.user.count().catch(({ meta }) => meta.code))
await prisma.$disconnect()
