import { type Database, literal, quoted } from './database.ts'

/** A column as SQL Server has it; of defaults, only IDENTITY is known. */
export interface Column {
  name: string
  /** For example, `NVARCHAR(100)`. */
  type: string
  nullable: boolean
  identity: boolean
}

/** A table of `dbo`, with its primary key; of other keys nothing is known. */
export interface Table {
  name: string
  columns: Column[]
  primaryKey: string[]
}

export const MIGRATIONS_TABLE = '_prisma_migrations'

interface ColumnRow {
  table: string
  column: string
  nullable: string
  type: string
  length: number | null
  precision: number | null
  scale: number | null
  identity: number
}

/** Reads the tables of a database, those of Prisma's own aside. */
export async function readTables(database: Database): Promise<Table[]> {
  const columns = await database.run(`
    SELECT columns.TABLE_NAME AS [table], columns.COLUMN_NAME AS [column], columns.IS_NULLABLE AS [nullable],
      columns.DATA_TYPE AS [type], columns.CHARACTER_MAXIMUM_LENGTH AS [length],
      columns.NUMERIC_PRECISION AS [precision], columns.NUMERIC_SCALE AS [scale],
      COLUMNPROPERTY(OBJECT_ID(QUOTENAME(columns.TABLE_SCHEMA) + '.' + QUOTENAME(columns.TABLE_NAME)),
        columns.COLUMN_NAME, 'IsIdentity') AS [identity]
    FROM INFORMATION_SCHEMA.COLUMNS columns
    JOIN INFORMATION_SCHEMA.TABLES tables
      ON tables.TABLE_SCHEMA = columns.TABLE_SCHEMA AND tables.TABLE_NAME = columns.TABLE_NAME
    WHERE columns.TABLE_SCHEMA = 'dbo' AND tables.TABLE_TYPE = 'BASE TABLE'
      AND columns.TABLE_NAME <> '${MIGRATIONS_TABLE}'
    ORDER BY columns.TABLE_NAME, columns.ORDINAL_POSITION`)
  const keys = await database.run(`
    SELECT keys.TABLE_NAME AS [table], keys.COLUMN_NAME AS [column]
    FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE keys
    JOIN INFORMATION_SCHEMA.TABLE_CONSTRAINTS constraints
      ON constraints.CONSTRAINT_SCHEMA = keys.CONSTRAINT_SCHEMA AND constraints.CONSTRAINT_NAME = keys.CONSTRAINT_NAME
    WHERE constraints.CONSTRAINT_TYPE = 'PRIMARY KEY' AND keys.TABLE_SCHEMA = 'dbo'
    ORDER BY keys.TABLE_NAME, keys.ORDINAL_POSITION`)
  const tables = new Map<string, Table>()
  for (const row of columns as unknown as ColumnRow[]) {
    const table = tables.get(row.table) ?? { name: row.table, columns: [], primaryKey: [] }
    tables.set(row.table, table)
    table.columns.push({
      name: row.column,
      type: typeOf(row),
      nullable: row.nullable === 'YES',
      identity: row.identity === 1,
    })
  }
  for (const { table, column } of keys) tables.get(String(table))?.primaryKey.push(String(column))
  return [...tables.values()]
}

function typeOf({ type, length, precision, scale }: ColumnRow): string {
  const name = type.toUpperCase()
  if (/CHAR|BINARY/.test(name)) return `${name}(${length === -1 ? 'MAX' : length})`
  if (/DECIMAL|NUMERIC/.test(name)) return `DECIMAL(${precision},${scale})`
  return name === 'FLOAT' ? `FLOAT(${precision})` : name
}

/** Drops all tables of `dbo`, Prisma's own too. */
export async function dropTables(database: Database): Promise<void> {
  const references = await database.run(`
    SELECT TABLE_NAME AS [table], CONSTRAINT_NAME AS [name] FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS
    WHERE CONSTRAINT_TYPE = 'FOREIGN KEY' AND TABLE_SCHEMA = 'dbo'`)
  for (const { table, name } of references) {
    await database.run(`ALTER TABLE [dbo].${quoted(String(table))} DROP CONSTRAINT ${quoted(String(name))}`)
  }
  const tables = await database.run(
    `SELECT TABLE_NAME AS [name] FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'dbo' AND TABLE_TYPE = 'BASE TABLE'`,
  )
  for (const { name } of tables) await database.run(`DROP TABLE [dbo].${quoted(String(name))}`)
}

export async function hasTable(database: Database, name: string): Promise<boolean> {
  const rows = await database.run(
    `SELECT 1 AS [one] FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'dbo' AND TABLE_NAME = ${literal(name)}`,
  )
  return rows.length > 0
}

export async function hasRows(database: Database, table: string): Promise<boolean> {
  return (await database.run(`SELECT TOP 1 1 AS [one] FROM [dbo].${quoted(table)}`)).length > 0
}
