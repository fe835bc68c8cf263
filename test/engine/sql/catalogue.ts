import type { Client } from 'pg'
import type { SqlType } from '../session.ts'
import { SqlError } from './sql-error.ts'
import { parseTypeName } from './types.ts'

/** A column of a table, with its type in SQL Server's terms. */
export interface CatalogueColumn {
  name: string
  type: SqlType
  identity: boolean
}

/** A table. */
export interface CatalogueTable {
  schema: string
  name: string
  columns: CatalogueColumn[]
  /** Any name counts as a column: while a batch is read, the tables it creates do not exist yet. */
  open?: boolean
}

interface Row {
  oid: string
  schema: string
  table: string
  column: string
  number: number
  type: string | null
  identity: boolean
}

const QUERY = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS "table", a.attname AS "column", a.attnum AS number,
    col_description(c.oid, a.attnum) AS type, a.attidentity <> '' AS identity
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'mssql')
  ORDER BY c.oid, a.attnum`

/**
 * The contents of a database. Each column's SQL Server type is the comment of PostgreSQL's column, so it is created and
 * dropped with the table, in the same transaction.
 */
export class Catalogue {
  readonly database: string
  readonly #tables = new Map<string, CatalogueTable>()
  readonly #types = new Map<string, SqlType>()
  readonly #spellings = new Map<string, string>()

  private constructor(database: string) {
    this.database = database
  }

  static async load(client: Client, database: string): Promise<Catalogue> {
    const catalogue = new Catalogue(database)
    const { rows } = await client.query<Row>(QUERY)
    for (const row of rows) catalogue.#add(row)
    return catalogue
  }

  #add(row: Row): void {
    const type = parseTypeName(row.type ?? 'nvarchar(max)')
    const key = `${row.schema}.${row.table}`.toLowerCase()
    let table = this.#tables.get(key)
    if (table === undefined) {
      table = { schema: row.schema, name: row.table, columns: [] }
      this.#tables.set(key, table)
    }
    table.columns.push({ name: row.column, type, identity: row.identity })
    this.#types.set(`${row.oid}.${row.number}`, type)
    for (const name of [row.schema, row.table, row.column]) this.#learn(name)
  }

  /** Finds names in any case. If two differ only in case, the case must match. */
  #learn(name: string): void {
    const lower = name.toLowerCase()
    const known = this.#spellings.get(lower)
    this.#spellings.set(lower, known === undefined || known === name ? name : lower === name ? name : known)
    if (known !== undefined && known !== name) this.#spellings.set(lower, '')
  }

  /** A name as created, whatever the case of the query. */
  spelling(name: string): string {
    return this.#spellings.get(name.toLowerCase()) || name
  }

  /** @throws {@link SqlError} 208 where there is none */
  table(parts: readonly string[]): CatalogueTable {
    const [name = '', schema = 'dbo'] = [...parts].reverse()
    const table = this.#tables.get(`${schema}.${name}`.toLowerCase())
    if (table === undefined) throw new SqlError(208, `Invalid object name '${parts.join('.')}'.`)
    return table
  }

  has(parts: readonly string[]): boolean {
    const [name = '', schema = 'dbo'] = [...parts].reverse()
    return this.#tables.has(`${schema}.${name}`.toLowerCase())
  }

  /** The same, but with any table and any column. */
  opened(): Catalogue {
    const open = new Catalogue(this.database)
    open.table = (parts) => ({ schema: 'dbo', name: parts.at(-1) ?? '', columns: [], open: true })
    return open
  }

  /** The type of a PostgreSQL column, by the ids in its result descriptions. */
  typeOf(tableId: number, columnId: number): SqlType | undefined {
    return this.#types.get(`${tableId}.${columnId}`)
  }
}

/** A column of a table. @throws {@link SqlError} 207 where there is none */
export function columnOf(table: CatalogueTable, name: string): CatalogueColumn {
  if (table.open) return { name, type: { name: 'int' }, identity: false }
  const column = table.columns.find((it) => it.name.toLowerCase() === name.toLowerCase())
  if (column === undefined) throw new SqlError(207, `Invalid column name '${name}'.`)
  return column
}
