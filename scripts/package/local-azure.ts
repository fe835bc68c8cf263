import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applyMigrations, dropEverything } from '../../test/integration/schema.ts'
import { openSqlLogin } from '../../test/integration/sql-login.ts'
import { type LocalAzure, startLocalAzure } from '../../test/local-azure.ts'
import type { Environment } from './shell.ts'

/** Who is in the table `User`, as the examples answer. */
export const USERS = [
  { email: 'ann@example.test', name: 'Ann' },
  { email: 'bob@example.test', name: 'Bob' },
]

/** The title of the only draft in the table `Post`. */
export const DRAFT = 'first'

/** A local Azure for programs of all kinds: the tables of the example database, with {@link USERS} and {@link DRAFT}. */
export interface AzureForPrograms {
  azure: LocalAzure
  /**
   * What to put in their environment, so that they sign in as a managed identity: `DATABASE_URL`, and `CONFIG`, the same
   * as JSON.
   */
  environment: Environment
}

/** In ms. A token may take as long as a login: on a busy machine loading what signs in takes many seconds. */
const connectTimeout = 120_000

/** Starts one for the time of some work. */
export async function withLocalAzure<T>(work: (azure: AzureForPrograms) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'check-package-ca-'))
  const azure = await startLocalAzure()
  const login = await openSqlLogin(azure.upstream)
  try {
    await login.lock('prisma-adapter-mssql-entra tests')
    await dropEverything(login.run)
    await applyMigrations(login.run)
    for (const { email, name } of USERS) {
      await login.run(`INSERT INTO [dbo].[User] (email, name, updatedAt) VALUES ('${email}', '${name}', '2026-01-01')`)
    }
    await login.run(`INSERT INTO [dbo].[Post] (title, slug) VALUES ('${DRAFT}', '${DRAFT}')`)
    const trustServerCertificateCA = join(folder, 'ca.pem')
    writeFileSync(trustServerCertificateCA, azure.gateway.ca)
    return await work({
      azure,
      environment: {
        ...azure.authority.environment('app-service'),
        CONFIG: JSON.stringify(azure.config({ connectionTimeout: connectTimeout })),
        DATABASE_URL: azure.connectionString({ trustServerCertificateCA, connectTimeout: String(connectTimeout) }),
      },
    })
  } finally {
    await dropEverything(login.run)
    await login.close()
    await azure.close()
    rmSync(folder, { recursive: true })
  }
}
