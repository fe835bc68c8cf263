/**
 * Stands in for Prisma's schema engine, which cannot be had here (`PRISMA_SCHEMA_ENGINE_BINARY`): is called by Prisma's
 * own CLI as the real one is, with JSON-RPC on its standard streams, and works on the URL it is given with user and
 * password. Knows the methods that `migrate deploy`, `migrate status`, `migrate diff` and `db execute` need.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { Database, EngineError } from './schema-engine-database.ts'

interface MigrationsList {
  migrationDirectories: { path: string; migrationFile: { content: { tag: 'ok'; value: string } } }[]
}

const option = (name: string) => process.argv[process.argv.indexOf(name) + 1]
const datasource: { url: string; shadowDatabaseUrl?: string } = JSON.parse(option('--datasource') ?? '{"url":""}')

const METHODS: Record<string, (params: never) => Promise<unknown>> = {
  async applyMigrations({ migrationsList }: { migrationsList: MigrationsList }) {
    const database = await Database.open(datasource.url)
    try {
      await database.run(`EXEC sp_getapplock 'prisma_migrate', 'Exclusive', 'Session', 10000`)
      await database.makeMigrationsTable()
      const applied = new Set(await database.appliedMigrations())
      const pending = scripts(migrationsList).filter(({ name }) => !applied.has(name))
      for (const { name, script } of pending) {
        await database.run(script)
        const checksum = createHash('sha256').update(script).digest('hex')
        await database.run(
          'INSERT INTO [_prisma_migrations] ([id], [checksum], [migration_name], [finished_at], [applied_steps_count]) ' +
            `VALUES ('${randomUUID()}', '${checksum}', N'${name}', CURRENT_TIMESTAMP, 1)`,
        )
      }
      return { appliedMigrationNames: pending.map(({ name }) => name) }
    } finally {
      await database.close()
    }
  },

  async diagnoseMigrationHistory({ migrationsList }: { migrationsList: MigrationsList }) {
    const database = await Database.open(datasource.url)
    try {
      const hasMigrationsTable = await database.hasMigrationsTable()
      const applied = hasMigrationsTable ? await database.appliedMigrations() : []
      const names = scripts(migrationsList).map(({ name }) => name)
      const unappliedMigrationNames = names.filter((name) => !applied.includes(name))
      return {
        drift: null,
        history:
          unappliedMigrationNames.length > 0 ? { diagnostic: 'databaseIsBehind', unappliedMigrationNames } : null,
        failedMigrationNames: [],
        editedMigrationNames: [],
        errorInUnappliedMigration: null,
        hasMigrationsTable,
      }
    } finally {
      await database.close()
    }
  },

  async dbExecute({ script, datasourceType }: { script: string; datasourceType: { url: string } }) {
    const database = await Database.open(datasourceType.url)
    try {
      await database.run(script)
      return null
    } finally {
      await database.close()
    }
  },

  /** Compares nothing, but needs the shadow database as the real one does, which makes one where none is named. */
  async diff() {
    const { shadowDatabaseUrl } = datasource
    if (shadowDatabaseUrl === undefined) throw new EngineError('The real engine would run CREATE DATABASE here.')
    const shadow = await Database.open(shadowDatabaseUrl)
    const name = await shadow.name()
    await shadow.close()
    process.stdout.write(
      `${JSON.stringify({ id: 1, jsonrpc: '2.0', method: 'print', params: { content: `-- by ${name}` } })}\n`,
    )
    return { exitCode: 0, stdout: null }
  },
}

function scripts(list: MigrationsList): { name: string; script: string }[] {
  return list.migrationDirectories.map(({ path, migrationFile }) => ({
    name: path,
    script: migrationFile.content.value,
  }))
}

/** The engine's log: the CLI passes over its first line, and reads the last error off it. */
function logError({ message, code }: EngineError): void {
  const line = (level: string, fields: object) => JSON.stringify({ level, target: 'schema_engine::logger', fields })
  const lines = [line('INFO', { message: 'Starting schema engine CLI' }), line('ERROR', { message, error_code: code })]
  process.stderr.write(lines.join('\n'))
}

async function serveCli(): Promise<void> {
  try {
    await (await Database.open(datasource.url)).close()
  } catch (error) {
    logError(error as EngineError)
    process.exitCode = 1
  }
}

async function answer(line: string): Promise<void> {
  const { id, method, params } = JSON.parse(line)
  if (method === undefined) return
  const reply = (body: object) => process.stdout.write(`${JSON.stringify({ id, jsonrpc: '2.0', ...body })}\n`)
  try {
    const work = METHODS[method]
    if (work === undefined) throw new EngineError(`The stand-in does not know ${method}.`)
    reply({ result: await work(params as never) })
  } catch (error) {
    const { message, code } = error as EngineError
    reply({ error: { code: 4466, message, data: { is_panic: false, message, error_code: code ?? null, meta: null } } })
  }
}

if (process.argv.includes('can-connect-to-database')) await serveCli()
else for await (const line of createInterface(process.stdin)) void answer(line)
