import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import type { EntraDatasourceOptions } from '../../src/prisma-config.ts'
import { ROOT } from '../support/commands.ts'
import type { Scratch } from './scratch.ts'

const CLI = join(ROOT, 'node_modules/prisma/build/index.js')
const PRISMA_CONFIG = pathToFileURL(join(ROOT, 'src/prisma-config.ts')).href

/** The variable that the project's config reads: the connection string may hold a secret, and goes into no file. */
const DATASOURCE = 'VERIFY_AZURE_DATASOURCE'

/** How large the migration of inserts is, in characters. */
const INSERTS = 300_000
const ROWS_AT_ONCE = 1_000

/** How a command ended, and what it wrote on both streams. */
export interface Ended {
  code: number | null
  output: string
}

/** A user's project in a folder of its own, whose `prisma.config.ts` signs in by `entraDatasource`. */
export class PrismaProject {
  /** How many books the second migration inserts. */
  readonly books: number
  readonly #folder: string
  readonly #datasource: { url: string; options: EntraDatasourceOptions }
  readonly #schema: string

  private constructor(
    folder: string,
    datasource: { url: string; options: EntraDatasourceOptions },
    schema: string,
    books: number,
  ) {
    this.#folder = folder
    this.#datasource = datasource
    this.#schema = schema
    this.books = books
  }

  /** @param shadowDatabase - the name of one, where there is one */
  static async make(url: string, { prismaSchema, book }: Scratch, shadowDatabase?: string): Promise<PrismaProject> {
    const folder = await mkdtemp(join(tmpdir(), 'verify-azure-'))
    const table = `[${prismaSchema}].[${book}]`
    const inserts = insertsInto(table)
    const files: Record<string, string> = {
      'prisma.config.ts': configOf(),
      'schema.prisma': schemaOf(book),
      'migrations/migration_lock.toml': 'provider = "mssql"\n',
      'migrations/20260101000000_book/migration.sql': creationOf(table, book),
      'migrations/20260101000001_books/migration.sql': inserts.sql,
      // `migrate diff` wants the provider's other name. It works in the shadow database's own schema: ours is not there.
      'diffed/migration_lock.toml': 'provider = "sqlserver"\n',
      'diffed/20260101000000_book/migration.sql': creationOf(`[${book}]`, book),
    }
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), content)
    }
    const options = { ...(shadowDatabase !== undefined && { shadowDatabase }) }
    return new PrismaProject(folder, { url, options }, prismaSchema, inserts.rows)
  }

  /** Runs one of Prisma's commands to its end, on the schema that it has for itself unless told otherwise. */
  async run(args: readonly string[], signal: AbortSignal, { input = '', ownSchema = true } = {}): Promise<Ended> {
    const { url, options } = this.#datasource
    const datasource = { url, options: ownSchema ? { ...options, schema: this.#schema } : options }
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd: this.#folder,
      env: {
        ...process.env,
        [DATASOURCE]: JSON.stringify(datasource),
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
        NO_COLOR: '1',
      },
      stdio: 'pipe',
      signal,
    })
    // It may have ended, or been ended, before it read anything.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    const [code, out, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
    return { code, output: out + errors }
  }

  close(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true })
  }
}

function configOf(): string {
  return `import { entraDatasource } from ${JSON.stringify(PRISMA_CONFIG)}

const { url, options } = JSON.parse(process.env.${DATASOURCE} ?? '{}')

export default {
  schema: 'schema.prisma',
  migrations: { path: 'migrations' },
  datasource: await entraDatasource(url, options),
}
`
}

function schemaOf(book: string): string {
  return `datasource db {
  provider = "sqlserver"
}

model ${book} {
  id    Int    @id
  title String @db.NVarChar(200)
}
`
}

function creationOf(table: string, book: string): string {
  return `CREATE TABLE ${table} (
    [id] INT NOT NULL,
    [title] NVARCHAR(200) NOT NULL,
    CONSTRAINT [${book}_pkey] PRIMARY KEY CLUSTERED ([id])
);
`
}

function insertsInto(table: string): { sql: string; rows: number } {
  const statements: string[] = []
  let rows = 0
  for (let length = 0; length < INSERTS; ) {
    const values: string[] = []
    while (values.length < ROWS_AT_ONCE && length < INSERTS) {
      const value = `(${++rows}, N'A book of many pages, the ${rows}th of them, in a migration that is no small one')`
      values.push(value)
      length += value.length
    }
    statements.push(`INSERT INTO ${table} ([id], [title]) VALUES\n${values.join(',\n')};\n`)
  }
  return { sql: statements.join('\n'), rows }
}
