import { Database, EngineError } from './database.ts'
import { tablesOf, withModels } from './datamodel.ts'
import {
  applyMigrations,
  checksumOf,
  type Migration,
  type Record as MigrationRecord,
  type MigrationsList,
  markApplied,
  markRolledBack,
  migrationsOf,
  readRecords,
  refuseOtherDialect,
} from './migrations.ts'
import { type Datasource, tablesAfter } from './shadow.ts'
import { type Step, scriptOf, stepsBetween } from './steps.ts'
import { dropTables, hasRows, readTables, type Table } from './tables.ts'

interface Files {
  files: { path: string; content: string }[]
}
interface WithList {
  migrationsList: MigrationsList
}
type DiffTarget = { tag: 'empty' | 'schemaDatasource' } | ({ tag: 'schemaDatamodel' } & Files) | DiffMigrations
type DiffMigrations = { tag: 'migrations' } & MigrationsList

export type Methods = Readonly<Record<string, (params: never) => Promise<unknown>>>

/**
 * The methods of the engine's JSON-RPC that Prisma's commands call.
 *
 * @param print - writes on the CLI's standard output
 */
export function methodsFor(datasource: Datasource, print: (text: string) => void): Methods {
  const inDatabase = <T>(work: (database: Database) => Promise<T>) => Database.using(datasource.url, work)

  async function targetTables(target: DiffTarget): Promise<Table[]> {
    if (target.tag === 'empty') return []
    if (target.tag === 'schemaDatamodel') return modelsOf(target)
    if (target.tag === 'migrations') {
      refuseOtherDialect(target)
      return tablesAfter(datasource, migrationsOf(target))
    }
    return inDatabase(readTables)
  }

  return {
    applyMigrations: ({ migrationsList }: WithList) =>
      inDatabase(async (database) => ({
        appliedMigrationNames: await applyMigrations(database, migrationsOf(migrationsList)),
      })),

    diagnoseMigrationHistory: ({ migrationsList }: WithList) =>
      inDatabase(async (database) => {
        const records = await readRecords(database)
        const { pending, failed, edited } = historyOf(migrationsOf(migrationsList), records ?? [])
        return {
          drift: null,
          history: pending.length > 0 ? { diagnostic: 'databaseIsBehind', unappliedMigrationNames: pending } : null,
          failedMigrationNames: failed,
          editedMigrationNames: edited,
          errorInUnappliedMigration: null,
          hasMigrationsTable: records !== undefined,
        }
      }),

    async devDiagnostic({ migrationsList }: WithList) {
      const migrations = migrationsOf(migrationsList)
      const { records, tables } = await inDatabase(async (database) => ({
        records: (await readRecords(database)) ?? [],
        tables: await readTables(database),
      }))
      const { applied, failed, edited } = historyOf(migrations, records)
      const expected = await tablesAfter(
        datasource,
        migrations.filter(({ name }) => applied.includes(name)),
      )
      await tablesAfter(datasource, migrations)
      const reset = (reason: string) => ({ action: { tag: 'reset', reason } })
      if (failed.length > 0) return reset(`The migration \`${failed[0]}\` failed.`)
      if (edited.length > 0) return reset(`The migration \`${edited[0]}\` was modified after it was applied.`)
      if (stepsBetween(expected, tables).length > 0) {
        return reset('Drift detected: Your database schema is not in sync with your migration history.')
      }
      return { action: { tag: 'createMigration' } }
    },

    async evaluateDataLoss({ migrationsList, schema }: WithList & { schema: Files }) {
      const from = await tablesAfter(datasource, migrationsOf(migrationsList))
      const steps = stepsBetween(from, modelsOf(schema))
      const { warnings, unexecutable } = await inDatabase((database) => dangersOf(database, steps))
      const told = (messages: string[]) => messages.map((message) => ({ message, stepIndex: 0 }))
      return { migrationSteps: steps.length, warnings: told(warnings), unexecutableSteps: told(unexecutable) }
    },

    async createMigration(params: WithList & { schema: Files; draft: boolean; migrationName: string }) {
      const from = await tablesAfter(datasource, migrationsOf(params.migrationsList))
      const steps = stepsBetween(from, modelsOf(params.schema))
      const common = { connectorType: 'mssql', extension: 'sql' }
      if (steps.length === 0 && !params.draft) return { ...common, generatedMigrationName: null, migrationScript: null }
      const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
      return {
        ...common,
        generatedMigrationName: `${time}_${params.migrationName}`,
        migrationScript: scriptOf(steps),
      }
    },

    markMigrationApplied: ({ migrationsList, migrationName }: WithList & { migrationName: string }) =>
      inDatabase(async (database) => {
        await markApplied(database, migrationsOf(migrationsList), migrationName)
        return {}
      }),

    markMigrationRolledBack: ({ migrationName }: { migrationName: string }) =>
      inDatabase(async (database) => {
        await markRolledBack(database, migrationName)
        return {}
      }),

    reset: () =>
      inDatabase(async (database) => {
        await dropTables(database)
        return null
      }),

    schemaPush: ({ schema, force }: { schema: Files; force: boolean }) =>
      inDatabase(async (database) => {
        const steps = stepsBetween(await readTables(database), modelsOf(schema))
        const { warnings, unexecutable } = await dangersOf(database, steps)
        const goes = unexecutable.length === 0 && (warnings.length === 0 || force)
        if (goes && steps.length > 0) await database.run(scriptOf(steps))
        return { executedSteps: goes ? steps.length : 0, warnings, unexecutable }
      }),

    introspect: ({ schema }: { schema: Files }) =>
      inDatabase(async (database) => {
        const tables = await readTables(database)
        if (tables.length === 0) throw new EngineError('The introspected database was empty.', 'P4001')
        const files = schema.files.map(({ path, content }) => ({ path, content: withModels(content, tables) }))
        return { schema: { files }, warnings: null, views: null }
      }),

    dbExecute: ({ script, datasourceType }: { script: string; datasourceType: { url: string } }) =>
      Database.using(datasourceType.url, async (database) => {
        await database.run(script)
        return null
      }),

    async diff({ from, to, exitCode }: { from: DiffTarget; to: DiffTarget; exitCode: boolean | null }) {
      const steps = stepsBetween(await targetTables(from), await targetTables(to))
      print(steps.length === 0 ? '-- This is an empty migration.' : scriptOf(steps))
      return { exitCode: exitCode && steps.length > 0 ? 2 : 0, stdout: null }
    },
  }
}

function modelsOf({ files }: Files): Table[] {
  return files.flatMap(({ content }) => tablesOf(content))
}

function historyOf(migrations: readonly Migration[], records: readonly MigrationRecord[]) {
  const applied = records.filter(({ state }) => state === 'applied')
  const isApplied = (migration: string) => applied.some(({ name }) => name === migration)
  return {
    applied: applied.map(({ name }) => name),
    pending: migrations.filter(({ name }) => !isApplied(name)).map(({ name }) => name),
    failed: records.filter(({ state }) => state === 'failed').map(({ name }) => name),
    edited: applied
      .filter(({ name, checksum }) => {
        const migration = migrations.find((it) => it.name === name)
        return migration !== undefined && checksumOf(migration.script) !== checksum
      })
      .map(({ name }) => name),
  }
}

/** What the steps would lose, or cannot do, with the rows that there are. */
async function dangersOf(database: Database, steps: readonly Step[]) {
  const warnings: string[] = []
  const unexecutable: string[] = []
  for (const { table, loses, impossible } of steps) {
    if (loses === undefined && impossible === undefined) continue
    if (!(await hasRows(database, table))) continue
    if (loses !== undefined) warnings.push(loses)
    if (impossible !== undefined) unexecutable.push(impossible)
  }
  return { warnings, unexecutable }
}
