import type { config as MssqlConfig } from 'mssql'
import { PrismaClient } from '../generated/prisma/client.ts'
import { type AuthenticationMethod, PrismaMssqlEntra, type SignInOptions } from '../src/index.ts'
import { type Authority, defaultPrincipals, type Gateway } from '../src/testing/index.ts'
import { startEngine } from '../test/engine/engine.ts'
import { applyMigrations } from '../test/integration/schema.ts'
import { startLocalAzure } from '../test/local-azure.ts'
import { certifiedPrincipals, installAzureCli, signInOptions } from './sign-in.ts'
import { seed } from './workload.ts'

/** A local Azure with the example database. */
export interface DemoAzure {
  authority: Authority
  gateway: Gateway
  config: MssqlConfig
  /** How Prisma Client signs in. */
  signIn: SignInOptions
  close(): Promise<void>
}

/**
 * @param tokenLifetime - in ms
 * @param methods - how Prisma Client signs in, in order of preference
 * @param onStep - called with the name of each part before it starts
 */
export async function startDemoAzure(
  tokenLifetime: number,
  methods: readonly AuthenticationMethod[],
  onStep: (step: string) => void,
): Promise<DemoAzure> {
  onStep('engine')
  const engine = await startEngine()
  const { host, port, user, password, database } = engine
  onStep('authority and gateway')
  const byCertificate = methods.includes('ActiveDirectoryServicePrincipalCertificate')
  const { principals, pem } = byCertificate ? await certifiedPrincipals() : { principals: defaultPrincipals(), pem: '' }
  const azure = await startLocalAzure({
    tokenLifetime,
    principals,
    upstream: {
      server: { host, port, user, password, database, encrypt: false, trustServerCertificate: false },
      close: () => engine.close(),
    },
  })
  const { authority, gateway } = azure
  const removeAzureCli = methods.includes('AzureCli') ? await installAzureCli(authority.imdsHost) : undefined
  const config = azure.config()
  const signIn = signInOptions(methods, authority, pem)
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
    signIn,
    async close() {
      await azure.close()
      await removeAzureCli?.()
    },
  }
}
