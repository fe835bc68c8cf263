import { randomUUID } from 'node:crypto'
import { Database } from './database.ts'
import type { Migration } from './migrations.ts'
import { dropTables, readTables, type Table } from './tables.ts'

export interface Datasource {
  url: string
  shadowDatabaseUrl?: string
}

/** The tables that migrations make, found by running them in the shadow database. */
export function tablesAfter(datasource: Datasource, migrations: readonly Migration[]): Promise<Table[]> {
  return withShadowDatabase(datasource, async (shadow) => {
    for (const { script } of migrations) await shadow.run(script)
    return readTables(shadow)
  })
}

/** Empties the database that is named, or makes one and drops it again. */
async function withShadowDatabase<T>(
  { url, shadowDatabaseUrl }: Datasource,
  work: (shadow: Database) => Promise<T>,
): Promise<T> {
  if (shadowDatabaseUrl !== undefined) {
    return Database.using(shadowDatabaseUrl, async (shadow) => {
      await dropTables(shadow)
      return work(shadow)
    })
  }
  return Database.using(url, async (main) => {
    const name = `prisma_migrate_shadow_db_${randomUUID()}`
    await main.run(`CREATE DATABASE [${name}]`)
    try {
      return await Database.using(url, work, name)
    } finally {
      await main.run(`DROP DATABASE [${name}]`)
    }
  })
}
