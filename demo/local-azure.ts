import type { config as MssqlConfig } from 'mssql'
import { PrismaClient } from '../generated/prisma/client.ts'
import { PrismaMssqlEntra, type SignInOptions } from '../src/index.ts'
import type { Authority, Gateway } from '../src/testing/index.ts'
import { startEngine } from '../test/engine/engine.ts'
import { applyMigrations } from '../test/integration/schema.ts'
import { type LocalAzure, startLocalAzure } from '../test/local-azure.ts'
import { seed } from './workload.ts'

/** A local Azure with the example database. */
export interface DemoAzure {
  authority: Authority
  gateway: Gateway
  config: MssqlConfig
  /** The server behind the gateway. */
  upstream: LocalAzure['upstream']
  /** How Prisma Client signs in. */
  signIn: SignInOptions
  close(): Promise<void>
}

/**
 * @param tokenLifetime - in ms
 * @param onStep - called with the name of each part before it starts
 */
export async function startDemoAzure(tokenLifetime: number, onStep: (step: string) => void): Promise<DemoAzure> {
  onStep('engine')
  const engine = await startEngine()
  const { host, port, user, password, database } = engine
  onStep('authority and gateway')
  const azure = await startLocalAzure({
    tokenLifetime,
    upstream: {
      server: { host, port, user, password, database, encrypt: false, trustServerCertificate: false },
      close: () => engine.close(),
    },
  })
  const { authority, gateway } = azure
  const config = azure.config()
  // Nothing may lead @azure/identity to another Azure.
  for (const name of Object.keys(process.env)) if (/^(AZURE|IDENTITY|MSI|IMDS)_/.test(name)) delete process.env[name]
  Object.assign(process.env, authority.environment('app-service'))
  onStep('migration')
  // With a token of an hour: this takes as long as it takes.
  const factory = new PrismaMssqlEntra(config, {
    credential: { getToken: () => authority.issueToken({ lifetime: 3_600_000 }) },
  })
  const adapter = await factory.connect()
  await applyMigrations((sql) => adapter.executeScript(sql)).finally(() => adapter.dispose())
  const prisma = new PrismaClient({ adapter: factory })
  await seed(prisma).finally(() => prisma.$disconnect())
  gateway.resetStats()
  authority.resetStats()
  return {
    authority,
    gateway,
    config,
    upstream: azure.upstream,
    signIn: { authentication: 'ActiveDirectoryManagedIdentity', credentialOptions: authority.clientOptions() },
    close: () => azure.close(),
  }
}
