import { createHash, randomUUID } from 'node:crypto'
import { type Database, EngineError, literal } from './database.ts'
import { hasTable, MIGRATIONS_TABLE } from './tables.ts'

/** The folder of migrations, as the CLI hands it over. */
export interface MigrationsList {
  /** `migration_lock.toml`; no content where there is none. */
  lockfile: { content: string | null }
  migrationDirectories: { path: string; migrationFile: { content: { tag: 'ok'; value: string } } }[]
}

export interface Migration {
  name: string
  script: string
}

/** What the database remembers of a migration. */
export interface Record {
  name: string
  checksum: string
  state: 'applied' | 'failed' | 'rolledBack'
}

export function migrationsOf({ migrationDirectories }: MigrationsList): Migration[] {
  return migrationDirectories.map(({ path, migrationFile }) => ({ name: path, script: migrationFile.content.value }))
}

/** What the engine calls SQL Server in `migration_lock.toml`, and what a schema calls it. */
const CONNECTOR = 'mssql'
const PROVIDER = 'sqlserver'

function lockedProvider({ lockfile: { content } }: MigrationsList): string | undefined {
  if (content === null) return undefined
  const line = content.split('\n').find((it) => it.startsWith('provider'))
  return line?.replace(/^provider = /, '').replaceAll('"', '') ?? '<PROVIDER NOT FOUND>'
}

/** @throws {@link EngineError} P3019 where the migrations were made for another database */
export function refuseOtherProvider(migrations: MigrationsList): void {
  const provider = lockedProvider(migrations)
  if (provider === undefined || provider === CONNECTOR) return
  const text =
    `The datasource provider \`${CONNECTOR}\` specified in your schema does not match the one specified in the ` +
    `migration_lock.toml, \`${provider}\`.`
  throw new EngineError(text, 'P3019')
}

/** `migrate diff` alone goes by the schema's name for it. @throws {@link EngineError} as the real engine does */
export function refuseOtherDialect(migrations: MigrationsList): void {
  const provider = lockedProvider(migrations)
  if (provider === undefined) throw new EngineError('Could not determine the connector from the migrations directory.')
  if (provider !== PROVIDER) throw new EngineError(`\`${provider}\` is not a supported connector.`)
}

export function checksumOf(script: string): string {
  return createHash('sha256').update(script).digest('hex')
}

export async function readRecords(database: Database): Promise<Record[] | undefined> {
  if (!(await hasTable(database, MIGRATIONS_TABLE))) return undefined
  const rows = await database.run(
    `SELECT [migration_name] AS [name], [checksum] AS [checksum],
      CASE WHEN [rolled_back_at] IS NOT NULL THEN 'rolledBack' WHEN [finished_at] IS NULL THEN 'failed' ELSE 'applied' END
        AS [state]
    FROM [dbo].[${MIGRATIONS_TABLE}] ORDER BY [started_at]`,
  )
  return rows as unknown as Record[]
}

/** Applies what is pending. @throws {@link EngineError} P3009 after one that failed, P3018 where one fails */
export async function applyMigrations(database: Database, migrations: readonly Migration[]): Promise<string[]> {
  await database.run(`EXEC sp_getapplock 'prisma_migrate', 'Exclusive', 'Session', 10000`)
  await makeTable(database)
  const records = (await readRecords(database)) ?? []
  const failed = records.find(({ state }) => state === 'failed')
  if (failed !== undefined) {
    const text = 'migrate found failed migrations in the target database, new migrations will not be applied.'
    throw new EngineError(`${text}\nThe \`${failed.name}\` migration failed`, 'P3009')
  }
  const isApplied = (name: string) => records.some((record) => record.name === name && record.state === 'applied')
  const pending = migrations.filter(({ name }) => !isApplied(name))
  for (const migration of pending) await applyMigration(database, migration)
  return pending.map(({ name }) => name)
}

async function applyMigration(database: Database, { name, script }: Migration): Promise<void> {
  const id = await begin(database, { name, script })
  try {
    await database.run(script)
  } catch (error) {
    const { message } = error as EngineError
    await database.run(`UPDATE [dbo].[${MIGRATIONS_TABLE}] SET [logs] = ${literal(message)} WHERE [id] = '${id}'`)
    const text = 'A migration failed to apply. New migrations cannot be applied before the error is recovered from.'
    throw new EngineError(`${text}\n\nMigration name: ${name}\n\n${message}`, 'P3018')
  }
  await finish(database, id, 1)
}

/** @throws {@link EngineError} P3017 where there is none of this name, P3008 where it is applied */
export async function markApplied(database: Database, migrations: readonly Migration[], name: string): Promise<void> {
  const migration = migrations.find((it) => it.name === name)
  if (migration === undefined) throw new EngineError(`The migration ${name} could not be found.`, 'P3017')
  await makeTable(database)
  const records = (await readRecords(database)) ?? []
  if (records.some((record) => record.name === name && record.state === 'applied')) {
    throw new EngineError(`The migration \`${name}\` is already recorded as applied in the database.`, 'P3008')
  }
  await rollBack(database, name)
  await finish(database, await begin(database, migration), 0)
}

/** @throws {@link EngineError} P3011 where it was never applied, P3012 where it did not fail */
export async function markRolledBack(database: Database, name: string): Promise<void> {
  const records = (await readRecords(database))?.filter((record) => record.name === name) ?? []
  if (records.length === 0) {
    const text = `Migration \`${name}\` cannot be rolled back because it was never applied to the database.`
    throw new EngineError(text, 'P3011')
  }
  if (!records.some(({ state }) => state === 'failed')) {
    const text = `Migration \`${name}\` cannot be rolled back because it is not in a failed state.`
    throw new EngineError(text, 'P3012')
  }
  await rollBack(database, name)
}

async function begin(database: Database, { name, script }: Migration): Promise<string> {
  const id = randomUUID()
  await database.run(
    `INSERT INTO [dbo].[${MIGRATIONS_TABLE}] ([id], [checksum], [migration_name])
    VALUES ('${id}', '${checksumOf(script)}', ${literal(name)})`,
  )
  return id
}

async function finish(database: Database, id: string, steps: number): Promise<void> {
  await database.run(
    `UPDATE [dbo].[${MIGRATIONS_TABLE}] SET [finished_at] = CURRENT_TIMESTAMP, [applied_steps_count] = ${steps}
    WHERE [id] = '${id}'`,
  )
}

async function rollBack(database: Database, name: string): Promise<void> {
  await database.run(
    `UPDATE [dbo].[${MIGRATIONS_TABLE}] SET [rolled_back_at] = CURRENT_TIMESTAMP
    WHERE [migration_name] = ${literal(name)} AND [finished_at] IS NULL AND [rolled_back_at] IS NULL`,
  )
}

async function makeTable(database: Database): Promise<void> {
  if (await hasTable(database, MIGRATIONS_TABLE)) return
  await database.run(`CREATE TABLE [dbo].[${MIGRATIONS_TABLE}] (
    [id] VARCHAR(36) PRIMARY KEY NOT NULL,
    [checksum] VARCHAR(64) NOT NULL,
    [finished_at] DATETIMEOFFSET,
    [migration_name] NVARCHAR(250) NOT NULL,
    [logs] NVARCHAR(MAX) NULL,
    [rolled_back_at] DATETIMEOFFSET,
    [started_at] DATETIMEOFFSET NOT NULL DEFAULT CURRENT_TIMESTAMP,
    [applied_steps_count] INT NOT NULL DEFAULT 0
  )`)
}
