import { readdir, readFile } from 'node:fs/promises'
import type { config as MssqlConfig } from 'mssql'
import { PrismaClient } from '../generated/prisma/client.ts'
import { type AuthenticationMethod, PrismaMssqlEntra, type SignInOptions } from '../src/index.ts'
import { type Authority, defaultPrincipals, type Gateway, startAuthority, startGateway } from '../src/testing/index.ts'
import { startEngine } from '../test/engine/engine.ts'

import { certifiedPrincipals, installAzureCli, signInOptions } from './sign-in.ts'
import { seed } from './workload.ts'

/** The local Azure with the example database in it. */
export interface LocalAzure {
  authority: Authority
  gateway: Gateway
  /** Where Prisma Client connects to. */
  config: MssqlConfig
  /** How it signs in there. */
  signIn: SignInOptions
  close(): Promise<void>
}

/**
 * Starts the parts one after the other, and tells of each.
 *
 * @param tokenLife - in ms
 * @param methods - how Prisma Client signs in, in order of preference
 */
export async function startLocalAzure(
  tokenLife: number,
  methods: readonly AuthenticationMethod[],
  tell: (step: string) => void,
): Promise<LocalAzure> {
  tell('authority')
  const certified = methods.includes('ActiveDirectoryServicePrincipalCertificate')
    ? await certifiedPrincipals()
    : undefined
  const principals = certified?.principals ?? defaultPrincipals()
  const authority = await startAuthority({ tokenLifetime: tokenLife, principals })
  const azureCli = methods.includes('AzureCli') ? await installAzureCli(authority.imdsHost) : undefined
  tell('engine')
  const engine = await startEngine()
  tell('gateway')
  const { host, port, user, password, database } = engine
  const gateway = await startGateway({
    upstream: { host, port, user, password, database, encrypt: false },
    verification: authority.verification,
  })
  const signIn = signInOptions(methods, authority, certified?.pem)
  const config = {
    server: 'localhost',
    port: gateway.port,
    database,
    options: { encrypt: true, cryptoCredentialsDetails: { ca: gateway.ca } },
  }
  tell('migration')
  // By a token of an hour: what comes before the run takes as long as it takes.
  const credential = { getToken: () => authority.issueToken({ lifetime: 3_600_000 }) }
  await migrate(new PrismaMssqlEntra(config, { credential }))
  const prisma = new PrismaClient({ adapter: new PrismaMssqlEntra(config, { credential }) })
  await seed(prisma).finally(() => prisma.$disconnect())
  gateway.resetStats()
  authority.resetStats()
  return {
    authority,
    gateway,
    config,
    signIn,
    async close() {
      await gateway.close()
      await Promise.all([engine.close(), authority.close(), azureCli?.close()])
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
