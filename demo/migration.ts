import { entraDatasource } from '../src/prisma-config.ts'
import { applyMigrations } from '../test/integration/schema.ts'
import { TdsClient } from '../test/support/tds-client.ts'
import type { DemoAzure } from './local-azure.ts'
import type { Palette } from './screen.ts'
import { row } from './summary.ts'

/** Separate from the demo's own, as the shadow database of `migrate dev` is. */
const DATABASE = 'migrated'

/** How large the batch of inserts is, in characters: each is two bytes on the wire. */
const INSERTS = 300_000
/** The most rows that SQL Server accepts in one INSERT. */
const ROWS_AT_ONCE = 1_000

/** The result. */
export interface Migrated {
  migrations: number
  /** How many rows were inserted, by a batch of how many characters. */
  rows: number
  characters: number
  /** How many rows came back unchanged. */
  readBack: number
  /** The length of the token that the sessions began with, in characters. */
  tokenLength: number
  durationMs: number
}

/**
 * Applies the example's migrations and a batch of inserts as `prisma migrate deploy` would: through `entraDatasource`'s
 * proxy, with a client that only supports a user and password.
 */
export async function migrate({ config, signIn, authority }: DemoAzure): Promise<Migrated> {
  const startedAt = performance.now()
  const { url, shadowDatabaseUrl } = await entraDatasource(config, { ...signIn, shadowDatabase: DATABASE })
  if (url === undefined || shadowDatabaseUrl === undefined) throw new Error('entraDatasource gave no URL.')
  await onProxy(url, (client) => client.run(`CREATE DATABASE [${DATABASE}]`))
  const { sql, names } = insertsOf(INSERTS)
  let migrations = 0
  const readBack = await onProxy(shadowDatabaseUrl, async (client) => {
    await applyMigrations((batch) => {
      migrations++
      return client.run(batch)
    })
    await client.run(sql)
    const rows = await client.run('SELECT [name] FROM [dbo].[Tag] ORDER BY [id]')
    return rows.filter(([name], i) => name === names[i]).length
  })
  const tokenLength = authority.issuedTokens.at(-1)?.length ?? 0
  const durationMs = performance.now() - startedAt
  return { migrations, rows: names.length, characters: sql.length, readBack, tokenLength, durationMs }
}

/** A batch of about this many characters, and the names of the tags that it inserts. */
export function insertsOf(characters: number): { sql: string; names: string[] } {
  const names: string[] = []
  const statements: string[] = []
  for (let length = 0; length < characters; ) {
    const rows: string[] = []
    while (rows.length < ROWS_AT_ONCE && length < characters) {
      const name = `tag ${names.length} ${'ümlaut '.repeat(12)}`.slice(0, 90).trimEnd()
      names.push(name)
      rows.push(`(N'${name}')`)
      length += name.length + 6
    }
    statements.push(`INSERT INTO [dbo].[Tag] ([name]) VALUES ${rows.join(',\n')};`)
  }
  return { sql: statements.join('\n'), names }
}

async function onProxy<T>(url: string, work: (client: TdsClient) => Promise<T>): Promise<T> {
  const client = await TdsClient.onProxy(url)
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

/** What is printed after `--migrate`. */
export function migrationSummaryOf(migrated: Migrated, palette: Palette): string {
  const { migrations, rows, characters, readBack, tokenLength, durationMs } = migrated
  return [
    '',
    row('migrations applied by the proxy', migrations, palette),
    row('inserts, in one batch', `${rows} rows, ${Math.round(characters / 1000)} KB`, palette),
    row('the token that the session had', `${tokenLength} characters`, palette),
    row('in all', `${(durationMs / 1000).toFixed(1)} s`, palette),
    '',
    readBack === rows
      ? palette.style('green', '✓ Migrations and rows are there, by token.')
      : palette.style('red', `✗ Of ${rows} rows that a migration inserted, ${readBack} came back unchanged.`),
  ].join('\n')
}
