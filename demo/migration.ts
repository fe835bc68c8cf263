import { readdir, readFile } from 'node:fs/promises'
import { entraDatasource } from '../src/prisma-config.ts'
import { TdsClient } from '../test/support/tds-client.ts'
import type { LocalAzure } from './local-azure.ts'

const MIGRATIONS = new URL('../prisma/migrations/', import.meta.url)

/** Beside the one that the demo works in, as `migrate dev` plays migrations in a shadow database. */
const DATABASE = 'migrated'

/** How large the batch of inserts is, in characters: each is two bytes on the wire. */
const INSERTS = 300_000
/** The most rows of one INSERT that SQL Server takes. */
const ROWS_AT_ONCE = 1_000

/** What came of it. */
export interface Migrated {
  /** The names of the migrations that were played. */
  migrations: string[]
  /** How many rows were inserted, and of how many characters the batch was that did it. */
  rows: number
  characters: number
  /** How many rows came back whole. */
  readBack: number
  /** How long the token was that the sessions began with, in characters. */
  tokenLength: number
  /** In ms. */
  durationMs: number
}

/**
 * Plays the example's migrations, and one of inserts, as `prisma migrate deploy` would: through `entraDatasource`'s
 * proxy, with a client that knows only user and password.
 */
export async function migrate({ config, signIn, authority }: LocalAzure): Promise<Migrated> {
  const startedAt = performance.now()
  const { url, shadowDatabaseUrl } = await entraDatasource(config, { ...signIn, shadowDatabase: DATABASE })
  if (url === undefined || shadowDatabaseUrl === undefined) throw new Error('entraDatasource gave no URL.')
  await using(url, (client) => client.run(`CREATE DATABASE [${DATABASE}]`))
  const migrations = await names()
  const inserts = insertsOf(INSERTS)
  const readBack = await using(shadowDatabaseUrl, async (client) => {
    for (const name of migrations) {
      await client.run(await readFile(new URL(`${name}/migration.sql`, MIGRATIONS), 'utf8'))
    }
    await client.run(inserts.sql)
    const rows = await client.run('SELECT [name] FROM [dbo].[Tag] ORDER BY [id]')
    return rows.filter(([name], i) => name === inserts.names[i]).length
  })
  return {
    migrations,
    rows: inserts.names.length,
    characters: inserts.sql.length,
    readBack,
    tokenLength: authority.issuedTokens.at(-1)?.length ?? 0,
    durationMs: performance.now() - startedAt,
  }
}

/** What went wrong; undefined if nothing did. */
export function faultOf({ rows, readBack }: Migrated): string | undefined {
  return readBack === rows ? undefined : `of ${rows} rows that a migration inserted, ${readBack} came back whole`
}

/** A batch of this many characters, or a little more, and the names of the tags that it inserts. */
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

async function names(): Promise<string[]> {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
}

async function using<T>(url: string, work: (client: TdsClient) => Promise<T>): Promise<T> {
  const client = await TdsClient.onProxy(url)
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}
