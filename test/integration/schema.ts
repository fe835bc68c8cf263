import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Runs one batch of T-SQL with a SQL login on the upstream database. */
export type RunBatch = (sql: string) => Promise<unknown>

const MIGRATIONS = join(dirname(fileURLToPath(import.meta.url)), '../../prisma/migrations')

/** Tables of the example database, each before the tables that it refers to. */
const TABLES = [
  '_PostToTag',
  'Entry',
  'accounts',
  'Comment',
  'Post',
  'Tag',
  'Profile',
  'User',
  'EveryType',
  'EveryDefault',
]

/** The tables that refer to themselves: their rows can be deleted only after the reference is removed. */
const SELF_REFERENCES = [
  'UPDATE [dbo].[Entry] SET [reversesAccountId] = NULL, [reversesLine] = NULL',
  'UPDATE [dbo].[User] SET [managerId] = NULL',
]

/** Creates the example database's tables, like `prisma migrate deploy`. */
export async function applyMigrations(run: RunBatch): Promise<void> {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  for (const folder of folders.sort()) await run(await readFile(join(MIGRATIONS, folder, 'migration.sql'), 'utf8'))
}

/** Drops the example database's tables, and nothing else. Ignores missing ones. */
export async function dropEverything(run: RunBatch): Promise<void> {
  for (const table of TABLES) await run(`DROP TABLE IF EXISTS [dbo].[${table}]`)
}

/** Deletes every row. */
export async function deleteAllRows(run: RunBatch): Promise<void> {
  await run([...SELF_REFERENCES, ...TABLES.map((table) => `DELETE FROM [dbo].[${table}]`)].join(';\n'))
}
