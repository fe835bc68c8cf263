/** The program of `runScript`: queries once and returns, as a script of a user's does. */
import { ManagedIdentityCredential } from '@azure/identity'
import { PrismaMssql } from '@prisma/adapter-mssql'
import { PrismaClient } from '../../../generated/prisma/client.ts'
import { PrismaMssqlEntra } from '../../../src/index.ts'
import type { Script } from './run-script.ts'

const script: Script = JSON.parse(process.env.SCRIPT ?? '')

const credentials = {
  'managed identity': () => new ManagedIdentityCredential({ retryOptions: { maxRetries: 0 } }),
  silent: () => () => new Promise<never>(() => {}),
}

function ours() {
  return new PrismaMssqlEntra(script.config, {
    credential: credentials[script.credential ?? 'managed identity'](),
    rotation: { connectRetryInterval: 100, ...script.rotation },
  })
}

function official() {
  const { config, token = '' } = script
  return new PrismaMssql({
    ...config,
    authentication: { type: 'azure-active-directory-access-token', options: { token } },
  })
}

const prisma = new PrismaClient({ adapter: script.adapter === 'official' ? official() : ours() })
console.log(`users: ${await prisma.user.count().catch(({ meta }) => meta.code)}`)
if (script.disconnect) await prisma.$disconnect()
console.log('returned')
