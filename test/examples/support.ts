import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, vi } from 'vitest'
import { type Database, useDatabase } from '../integration/database.ts'

/** The example database and the environment that a platform would provide. */
export interface ExampleDatabase extends Pick<Database, 'azure' | 'prisma'> {
  /** The variables that a platform sets for the process: the connection string, and a managed identity. */
  environment(): Record<string, string>
}

/** The variables that would give `@azure/identity` a different identity than the test's. */
const FOREIGN = /^(AZURE_|IDENTITY_|MSI_|IMDS_|AWS_)/

/** Starts it for a test file. Each test has the users `ann` (admin) and `bob`, and that environment. */
export function useExampleDatabase(): ExampleDatabase {
  const db = useDatabase()
  const folder = mkdtempSync(join(tmpdir(), 'example-'))

  const database: ExampleDatabase = {
    get azure() {
      return db.azure
    },
    get prisma() {
      return db.prisma
    },
    environment() {
      const ca = join(folder, 'ca.pem')
      writeFileSync(ca, db.azure.gateway.ca)
      return {
        // A token may take as long as a login: on a busy machine loading what signs in takes many seconds.
        DATABASE_URL: db.azure.connectionString({ trustServerCertificateCA: ca, connectTimeout: '120000' }),
        ...db.azure.authority.environment('app-service'),
      }
    },
  }

  beforeEach(async () => {
    await db.prisma.user.createMany({
      data: [
        { email: 'ann@example.test', name: 'Ann', role: 'admin' },
        { email: 'bob@example.test', name: 'Bob' },
      ],
    })
    db.azure.gateway.resetStats()
    db.azure.authority.resetStats()
    for (const name of Object.keys(process.env)) if (FOREIGN.test(name)) vi.stubEnv(name, undefined)
    for (const [name, value] of Object.entries(database.environment())) vi.stubEnv(name, value)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  return database
}

/** Each example's answer for all users and for the admins. */
export const ANN = { email: 'ann@example.test', name: 'Ann' }
export const BOB = { email: 'bob@example.test', name: 'Bob' }
