import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common'
import { PrismaMssqlEntra } from 'prisma-adapter-mssql-entra'
import { PrismaClient } from './generated/prisma/client.ts'

@Injectable()
export class PrismaService extends PrismaClient implements OnModuleInit, OnApplicationShutdown {
  constructor() {
    const { DATABASE_URL } = process.env
    if (DATABASE_URL === undefined) throw new Error('DATABASE_URL is not set.')
    const adapter = new PrismaMssqlEntra(DATABASE_URL, {
      authentication: 'ActiveDirectoryManagedIdentity',
    })
    super({ adapter, transactionOptions: { maxWait: 20_000 } })
  }

  /** Reports a wrong sign-in at startup instead of at the first request. */
  async onModuleInit(): Promise<void> {
    await this.$connect()
  }

  /** Runs after the HTTP server has answered its last request; `onModuleDestroy` runs before. */
  async onApplicationShutdown(): Promise<void> {
    await this.$disconnect()
  }
}
