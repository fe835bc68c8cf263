import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../support/commands.ts'
import type { Scratch } from './scratch.ts'
import { Skip, type StepRunner } from './steps.ts'
import type { Subject, Wire } from './subject.ts'

const CLI = join(ROOT, 'node_modules/prisma/build/index.js')
const PRISMA_CONFIG = pathToFileURL(join(ROOT, 'src/prisma-config.ts')).href

/** The project's config reads this variable: the connection string may hold a secret, so no file contains it. */
const DATASOURCE = 'VERIFY_AZURE_DATASOURCE'

/** What the CLI says if it needs the native schema engine and cannot get it. */
const NO_ENGINE = /request to \S*schema-engine\S* failed|schema-engine\S* (?:was not found|ENOENT)|spawn \S* ENOENT/

/** One of Prisma's commands. */
interface Command {
  words: string
  input?: string
  /** Whether it works in the schema that is only for Prisma's commands. @defaultValue true */
  ownSchema?: boolean
  /** What its output must contain. */
  says?: RegExp
}

/**
 * Runs Prisma's commands in a project that signs in with a token, in an order in which each finds what it needs.
 *
 * @param shadow - an empty database
 */
export async function verifyPrisma(
  steps: StepRunner,
  subject: Subject,
  scratch: Scratch,
  wire: Wire,
  shadow: string | undefined,
): Promise<void> {
  const { prismaSchema, book } = scratch
  const table = `[${prismaSchema}].[${book}]`
  const inserts = insertsInto(table)
  const folder = await makeProject({
    'prisma.config.ts': CONFIG,
    'schema.prisma': schemaOf(book),
    'migrations/migration_lock.toml': 'provider = "mssql"\n',
    'migrations/20260101000000_book/migration.sql': createTable(table, book),
    'migrations/20260101000001_books/migration.sql': inserts.sql,
    // `migrate diff` wants the provider's other name, and works in the shadow database, which has no schema of ours.
    'diffed/migration_lock.toml': 'provider = "sqlserver"\n',
    'diffed/20260101000000_book/migration.sql': createTable(`[${book}]`, book),
  })
  let missing: string | undefined
  const command = ({ words, input = '', ownSchema = true, says = /(?:)/ }: Command) =>
    steps.run(`prisma ${words}`, async (signal) => {
      if (missing !== undefined) throw new Skip(missing)
      const options = { ...(shadow && { shadowDatabase: shadow }), ...(ownSchema && { schema: prismaSchema }) }
      const datasource = JSON.stringify({ url: subject.url, options })
      const { code, output } = await runPrisma(words.split(' '), folder, { [DATASOURCE]: datasource }, input, signal)
      if (NO_ENGINE.test(output)) {
        missing = 'no schema engine'
        throw new Skip(missing)
      }
      if (code !== 0) throw failure(code, output)
      if (!says.test(output)) throw new Error(`It did not say ${says}.`)
      return ''
    })
  try {
    const executed = `[${prismaSchema}].[executed]`
    await command({ words: 'validate', says: /is valid/ })
    await command({ words: 'migrate diff --from-empty --to-schema schema.prisma --script', says: /CREATE TABLE/ })
    await command({
      words: 'db execute --stdin',
      input: `CREATE TABLE ${executed} ([id] INT NOT NULL); DROP TABLE ${executed};`,
      says: /executed successfully/,
    })
    await command({ words: 'db push', says: /in sync/ })
    await command({ words: 'db pull --print', says: new RegExp(`model ${book}\\b`) })
    await command({ words: 'migrate diff --from-config-datasource --to-schema schema.prisma --script' })
    await steps.run('an empty schema for migrate deploy', async () => {
      if (missing !== undefined) throw new Skip(missing)
      await scratch.clearPrisma()
      return ''
    })
    await command({ words: 'migrate deploy', says: /successfully applied/ })
    await command({ words: 'migrate status', says: /up to date/ })
    await steps.run('what migrate deploy inserted', async (signal) => {
      if (missing !== undefined) throw new Skip(missing)
      const found = await subject.withPrisma(wire, signal, (prisma) =>
        prisma.$queryRawUnsafe<{ rows: number }[]>(`SELECT COUNT(*) AS [rows] FROM ${table}`),
      )
      if (found[0]?.rows !== inserts.rows) throw new Error(`Of ${inserts.rows} rows, ${found[0]?.rows} are there.`)
      return `${inserts.rows} rows, 300 KB in one migration`
    })
    const diff = 'migrate diff --from-migrations diffed --to-schema schema.prisma --script'
    if (shadow === undefined) return steps.skip(`prisma ${diff}`, 'no --shadow was named')
    scratch.useShadow(shadow)
    await command({ words: diff, ownSchema: false, says: /empty migration/ })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function makeProject(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'verify-azure-'))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  return folder
}

/** Runs a command to its end. */
async function runPrisma(
  args: readonly string[],
  folder: string,
  variables: NodeJS.ProcessEnv,
  input: string,
  signal: AbortSignal,
): Promise<{ code: number | null; output: string }> {
  const quiet = { PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1', NO_COLOR: '1' }
  const env = { ...process.env, ...variables, ...quiet }
  const child = spawn(process.execPath, [CLI, ...args], { cwd: folder, env, stdio: 'pipe', signal })
  // It may end before it reads anything.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const [code, out, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  return { code, output: out + errors }
}

/** The line of a command's output that says why it failed. */
function failure(code: number | null, output: string): Error {
  const lines = output.split('\n').flatMap((line) => line.trim() || [])
  const line = lines.find((each) => /\bP\d{4}\b|error/i.test(each)) ?? lines.at(-1) ?? `It ended with ${code}.`
  const prismaCode = /\bP\d{4}\b/.exec(output)?.[0]
  return Object.assign(new Error(line), prismaCode && { code: prismaCode })
}

const CONFIG = `import { entraDatasource } from ${JSON.stringify(PRISMA_CONFIG)}

const { url, options } = JSON.parse(process.env.${DATASOURCE} ?? '{}')

export default {
  schema: 'schema.prisma',
  migrations: { path: 'migrations' },
  datasource: await entraDatasource(url, options),
}
`

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

function createTable(table: string, book: string): string {
  return `CREATE TABLE ${table} (
    [id] INT NOT NULL,
    [title] NVARCHAR(200) NOT NULL,
    CONSTRAINT [${book}_pkey] PRIMARY KEY CLUSTERED ([id])
);
`
}

/** Inserts of 300,000 characters, of at most 1,000 rows each, which is SQL Server's limit. */
function insertsInto(table: string): { sql: string; rows: number } {
  const statements: string[] = []
  let rows = 0
  for (let length = 0; length < 300_000; ) {
    const values: string[] = []
    while (values.length < 1_000 && length < 300_000) {
      const value = `(${++rows}, N'A book of many pages, the ${rows}th of them, in a migration that is no small one')`
      values.push(value)
      length += value.length
    }
    statements.push(`INSERT INTO ${table} ([id], [title]) VALUES\n${values.join(',\n')};\n`)
  }
  return { sql: statements.join('\n'), rows }
}
