import { quoted } from './database.ts'
import type { Column, Table } from './tables.ts'

/** One change of a database. */
export interface Step {
  title: string
  sql: string
  table: string
  /** What is lost, or cannot be done, where the table has rows. */
  loses?: string
  impossible?: string
}

/** What makes one set of tables into another. */
export function stepsBetween(from: readonly Table[], to: readonly Table[]): Step[] {
  const gone = from.filter(({ name }) => !to.some((it) => it.name === name))
  return [
    ...gone.map(({ name }) => ({
      title: 'DropTable',
      table: name,
      sql: `DROP TABLE [dbo].${quoted(name)};`,
      loses: `You are about to drop the \`${name}\` table, which is not empty.`,
    })),
    ...to.flatMap((table) => {
      const before = from.find(({ name }) => name === table.name)
      return before === undefined ? [creation(table)] : alterations(before, table)
    }),
  ]
}

function creation({ name, columns, primaryKey }: Table): Step {
  const key = `CONSTRAINT ${quoted(`${name}_pkey`)} PRIMARY KEY CLUSTERED (${primaryKey.map(quoted).join(',')})`
  const lines = [...columns.map(columnText), ...(primaryKey.length > 0 ? [key] : [])]
  return {
    title: 'CreateTable',
    table: name,
    sql: `CREATE TABLE [dbo].${quoted(name)} (\n    ${lines.join(',\n    ')}\n);`,
  }
}

function alterations(from: Table, to: Table): Step[] {
  const table = to.name
  const prefix = `ALTER TABLE [dbo].${quoted(table)}`
  const step = (change: string): Step => ({ title: 'AlterTable', table, sql: `${prefix} ${change};` })
  const gone = from.columns.filter(({ name }) => !to.columns.some((it) => it.name === name))
  return [
    ...gone.map(({ name }) => ({
      ...step(`DROP COLUMN ${quoted(name)}`),
      loses: `You are about to drop the column \`${name}\` on the \`${table}\` table, which still contains values.`,
    })),
    ...to.columns.flatMap((column): Step[] => {
      const before = from.columns.find(({ name }) => name === column.name)
      if (before === undefined) {
        const added = step(`ADD ${columnText(column)}`)
        if (column.nullable) return [added]
        const impossible = `Added the required column \`${column.name}\` to the \`${table}\` table without a default value.`
        return [{ ...added, impossible }]
      }
      return columnText(before) === columnText(column) ? [] : [step(`ALTER COLUMN ${columnText(column)}`)]
    }),
  ]
}

function columnText({ name, type, nullable, identity }: Column): string {
  return `${quoted(name)} ${type}${nullable ? '' : ' NOT NULL'}${identity ? ' IDENTITY(1,1)' : ''}`
}

/** The steps as a migration: all of it, or nothing. */
export function scriptOf(steps: readonly Step[]): string {
  const changes = steps.map(({ title, sql }) => `-- ${title}\n${sql}\n`).join('\n')
  return `BEGIN TRY\n\nBEGIN TRAN;\n\n${changes}
COMMIT TRAN;

END TRY
BEGIN CATCH

IF @@TRANCOUNT > 0
BEGIN
    ROLLBACK TRAN;
END;
THROW

END CATCH
`
}
