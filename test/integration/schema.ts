import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Runs one batch of T-SQL with a SQL login on the upstream database. */
export type RunBatch = (sql: string) => Promise<unknown>

const MIGRATIONS = join(dirname(fileURLToPath(import.meta.url)), '../../prisma/migrations')

/** Tables of the example database, each before those that it refers to. */
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

/** The tables that refer to themselves: their rows can be deleted only when the reference is gone. */
const SELF_REFERENCES = [
  'UPDATE [dbo].[Entry] SET [reversesAccountId] = NULL, [reversesLine] = NULL',
  'UPDATE [dbo].[User] SET [managerId] = NULL',
]

/** Makes the example database's tables as `prisma migrate deploy` would. */
export async function applyMigrations(run: RunBatch): Promise<void> {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  for (const folder of folders.sort()) await run(await readFile(join(MIGRATIONS, folder, 'migration.sql'), 'utf8'))
}

/** Drops the example database's tables, and nothing else; those that are not there are passed over. */
export async function dropEverything(run: RunBatch): Promise<void> {
  for (const table of TABLES) await run(`DROP TABLE IF EXISTS [dbo].[${table}]`)
}

/** Deletes every row. */
export async function deleteAllRows(run: RunBatch): Promise<void> {
  await run([...SELF_REFERENCES, ...TABLES.map((table) => `DELETE FROM [dbo].[${table}]`)].join(';\n'))
}
