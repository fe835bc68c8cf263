import { readdir, readFile } from 'node:fs/promises'
import { ManagedIdentityCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { PrismaMssqlEntra } from '../src/index.ts'
import { type Authority, type Gateway, startAuthority, startGateway } from '../src/testing/index.ts'
import { startEngine } from '../test/engine/engine.ts'

/** The local Azure with the example database in it. */
export interface LocalAzure {
  authority: Authority
  gateway: Gateway
  /** Where Prisma Client connects to. */
  config: MssqlConfig
  credential: ManagedIdentityCredential
  close(): Promise<void>
}

/** Starts the parts one after the other, and tells of each. @param tokenLife - in ms */
export async function startLocalAzure(tokenLife: number, tell: (step: string) => void): Promise<LocalAzure> {
  tell('authority')
  const authority = await startAuthority({ tokenLifetime: tokenLife })
  tell('engine')
  const engine = await startEngine()
  tell('gateway')
  const { host, port, user, password, database } = engine
  const gateway = await startGateway({
    upstream: { host, port, user, password, database, encrypt: false },
    verification: authority.verification,
  })
  Object.assign(process.env, authority.environment('app-service'))
  const credential = new ManagedIdentityCredential()
  const config = {
    server: 'localhost',
    port: gateway.port,
    database,
    options: { encrypt: true, cryptoCredentialsDetails: { ca: gateway.ca } },
  }
  tell('migration')
  await migrate(new PrismaMssqlEntra(config, { credential }))
  gateway.resetStats()
  authority.resetStats()
  return {
    authority,
    gateway,
    config,
    credential,
    async close() {
      await gateway.close()
      await Promise.all([engine.close(), authority.close()])
    },
  }
}

async function migrate(factory: PrismaMssqlEntra): Promise<void> {
  const migrations = new URL('../prisma/migrations/', import.meta.url)
  const adapter = await factory.connect()
  try {
    const entries = await readdir(migrations, { withFileTypes: true })
    for (const { name } of entries.filter((entry) => entry.isDirectory())) {
      await adapter.executeScript(await readFile(new URL(`${name}/migration.sql`, migrations), 'utf8'))
    }
  } finally {
    await adapter.dispose()
  }
}
