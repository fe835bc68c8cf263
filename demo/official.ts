import { PrismaMssql } from '@prisma/adapter-mssql'
import type { config as MssqlConfig } from 'mssql'
import type { Connection } from 'tedious'
import { PrismaClient } from '../generated/prisma/client.ts'
import { type GatewayStats, startGateway } from '../src/testing/index.ts'
import type { DemoAzure } from './local-azure.ts'
import type { Recording } from './recording.ts'
import { CLIENT_OPTIONS } from './workload.ts'

/** The other side of `--compare`. */
export interface Official {
  prisma: PrismaClient
  stats(): GatewayStats
  close(): Promise<void>
}

/**
 * Prisma Client on the official adapter, which is given a token once, as its documentation has it. It gets a gateway of
 * its own, so that each side's logins and refusals are counted apart.
 */
export async function startOfficial(azure: DemoAzure, recording: Recording): Promise<Official> {
  const { authority, config, upstream } = azure
  const gateway = await startGateway({ upstream, verification: authority.verification })
  const { token, expiresOnTimestamp: expiresOn } = await authority.issueToken()
  let count = 0
  const prisma = new PrismaClient({
    adapter: new PrismaMssql({
      ...config,
      port: gateway.port,
      options: { encrypt: true, cryptoCredentialsDetails: { ca: gateway.ca } },
      authentication: { type: 'azure-active-directory-access-token', options: { token } },
      beforeConnect(driver: Connection) {
        const connection = ++count
        const report = { connection, expiresOn, reason: 'lost', ageMs: 0 } as const
        driver.on('connect', (error) => {
          if (!error) recording.onEvent({ type: 'connection.opened', at: Date.now(), ...report })
        })
        driver.on('end', () => recording.onEvent({ type: 'connection.closed', at: Date.now(), ...report }))
      },
    } as MssqlConfig),
    ...CLIENT_OPTIONS,
  })
  return {
    prisma,
    stats: () => gateway.stats(),
    async close() {
      await prisma.$disconnect()
      await gateway.close()
    },
  }
}
