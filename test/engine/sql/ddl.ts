import type { SqlType } from '../session.ts'
import { expression } from './expressions.ts'
import { columnNames } from './select.ts'
import { unsupported } from './sql-error.ts'
import { literal, quoted, type Translation } from './translation.ts'
import { isText, postgresType, readType, typeName } from './types.ts'

/** A change of the schema, as statements for PostgreSQL. */
export interface Definition {
  statements: string[]
  /** CREATE and DROP DATABASE run outside the session's connection. */
  database?: { create: string } | { drop: string; ifExists: boolean }
}

export function create(t: Translation): Definition {
  if (t.acceptWord('TABLE')) return createTable(t)
  if (t.acceptWord('SCHEMA')) return { statements: [`CREATE SCHEMA ${quoted(t.identifier())}`] }
  if (t.acceptWord('DATABASE')) return { statements: [], database: { create: t.identifier() } }
  const unique = t.acceptWord('UNIQUE') ? 'UNIQUE ' : ''
  if (!t.acceptWord('NONCLUSTERED')) t.acceptWord('CLUSTERED')
  if (t.acceptWord('INDEX')) return createIndex(t, unique)
  throw unsupported(`CREATE ${t.token.text}`)
}

function createIndex(t: Translation, unique: string): Definition {
  const name = quoted(t.identifier())
  t.expectWord('ON')
  const table = definedName(t)
  t.expect('symbol', '(')
  const columns: string[] = []
  do columns.push(quoted(t.catalogue.spelling(t.identifier())) + direction(t))
  while (t.accept('symbol', ','))
  t.expect('symbol', ')')
  if (t.isWord('WHERE') || t.isWord('INCLUDE') || t.isWord('WITH')) throw unsupported(`CREATE INDEX … ${t.token.text}`)
  return { statements: [`CREATE ${unique}INDEX ${name} ON ${table.sql} (${columns.join(', ')})${nulls(unique)}`] }
}

/** In a unique key, SQL Server treats two NULLs as equal. */
function nulls(unique: string): string {
  return unique === '' ? '' : ' NULLS NOT DISTINCT'
}

function direction(t: Translation): string {
  if (t.acceptWord('DESC')) return ' DESC NULLS LAST'
  t.acceptWord('ASC')
  return ' ASC NULLS FIRST'
}

interface DefinedName {
  schema: string
  name: string
  sql: string
}

function definedName(t: Translation): DefinedName {
  const parts = t.qualifiedName()
  const [name = '', schema = 'dbo'] = [...parts].reverse().map((part) => t.catalogue.spelling(part))
  return { schema, name, sql: `${quoted(schema)}.${quoted(name)}` }
}

function createTable(t: Translation): Definition {
  const parts = t.qualifiedName()
  const [name = '', schema = 'dbo'] = [...parts].reverse()
  if (name.startsWith('#')) throw unsupported('temporary tables')
  const table = { schema, name, sql: `${quoted(schema)}.${quoted(name)}` }
  const elements: string[] = []
  const after: string[] = []
  t.expect('symbol', '(')
  do {
    if (t.is('symbol', ')')) break
    elements.push(isTableConstraint(t) ? tableConstraint(t) : columnDefinition(t, table, after))
  } while (t.accept('symbol', ','))
  t.expect('symbol', ')')
  return { statements: [`CREATE TABLE ${table.sql} (${elements.join(', ')})`, ...after] }
}

function isTableConstraint(t: Translation): boolean {
  return t.isWord('CONSTRAINT') || t.isWord('PRIMARY') || t.isWord('UNIQUE') || t.isWord('FOREIGN') || t.isWord('CHECK')
}

function tableConstraint(t: Translation): string {
  const name = t.acceptWord('CONSTRAINT') ? `CONSTRAINT ${quoted(t.identifier())} ` : ''
  if (t.acceptWord('PRIMARY', 'KEY')) return `${name}PRIMARY KEY${keyColumns(t)}`
  if (t.acceptWord('UNIQUE')) return `${name}UNIQUE NULLS NOT DISTINCT${keyColumns(t)}`
  if (t.acceptWord('FOREIGN', 'KEY')) return `${name}FOREIGN KEY${columnNames(t)} ${references(t)}`
  if (t.acceptWord('CHECK')) {
    t.expect('symbol', '(')
    const condition = expression(t).sql
    t.expect('symbol', ')')
    return `${name}CHECK (${condition})`
  }
  throw t.unexpected()
}

function keyColumns(t: Translation): string {
  if (!t.acceptWord('CLUSTERED')) t.acceptWord('NONCLUSTERED')
  t.expect('symbol', '(')
  const names: string[] = []
  do {
    names.push(quoted(t.catalogue.spelling(t.identifier())))
    if (!t.acceptWord('ASC')) t.acceptWord('DESC')
  } while (t.accept('symbol', ','))
  t.expect('symbol', ')')
  return ` (${names.join(', ')})`
}

function references(t: Translation): string {
  t.expectWord('REFERENCES')
  let sql = `REFERENCES ${definedName(t).sql}${t.is('symbol', '(') ? columnNames(t) : ''}`
  while (t.acceptWord('ON')) {
    const event = t.acceptWord('DELETE') ? 'DELETE' : 'UPDATE'
    if (event === 'UPDATE') t.expectWord('UPDATE')
    const action = ['NO ACTION', 'CASCADE', 'SET NULL', 'SET DEFAULT'].find((it) => t.acceptWord(...it.split(' ')))
    if (action === undefined) throw t.unexpected()
    sql += ` ON ${event} ${action}`
  }
  return sql
}

/** A column. Anything that needs separate PostgreSQL statements goes into `after`. */
function columnDefinition(t: Translation, table: DefinedName, after: string[]): string {
  const name = t.identifier()
  const type = readType(t)
  let sql = `${quoted(name)} ${columnType(type)}`
  const column = `${table.sql}.${quoted(name)}`
  after.push(`COMMENT ON COLUMN ${column} IS ${literal(typeName(type))}`)
  for (;;) {
    const constraint = t.acceptWord('CONSTRAINT') ? t.identifier() : undefined
    const named = constraint === undefined ? '' : ` CONSTRAINT ${quoted(constraint)}`
    if (t.acceptWord('IDENTITY')) sql += ` GENERATED BY DEFAULT AS IDENTITY${identity(t)}`
    else if (t.acceptWord('NOT', 'NULL')) sql += ' NOT NULL'
    else if (t.acceptWord('NULL')) sql += ''
    else if (t.acceptWord('DEFAULT')) {
      sql += ` DEFAULT ${expression(t).sql}`
      if (constraint !== undefined) after.push(rememberDefault(constraint, table, name))
    } else if (t.acceptWord('PRIMARY', 'KEY')) {
      if (!t.acceptWord('CLUSTERED')) t.acceptWord('NONCLUSTERED')
      sql += `${named} PRIMARY KEY`
    } else if (t.acceptWord('UNIQUE')) {
      if (!t.acceptWord('CLUSTERED')) t.acceptWord('NONCLUSTERED')
      sql += `${named} UNIQUE NULLS NOT DISTINCT`
    } else if (t.isWord('REFERENCES')) sql += `${named} ${references(t)}`
    else if (constraint !== undefined) throw t.unexpected()
    else return sql
  }
}

function columnType(type: SqlType): string {
  return isText(type) ? `${postgresType(type)} COLLATE mssql.ci` : postgresType(type)
}

function identity(t: Translation): string {
  if (!t.accept('symbol', '(')) return ''
  const start = t.expect('number').text
  t.expect('symbol', ',')
  const step = t.expect('number').text
  t.expect('symbol', ')')
  return ` (START WITH ${start} INCREMENT BY ${step})`
}

/** PostgreSQL gives no names to defaults; ALTER TABLE … DROP CONSTRAINT needs them. */
function rememberDefault(constraint: string, table: DefinedName, column: string): string {
  const values = [constraint, table.schema, table.name, column].map(literal).join(', ')
  return `INSERT INTO mssql.default_constraints VALUES (${values})`
}

export function alter(t: Translation): Definition {
  if (!t.acceptWord('TABLE')) throw unsupported(`ALTER ${t.token.text}`)
  const table = definedName(t)
  const statements: string[] = []
  const prefix = `ALTER TABLE ${table.sql}`
  if (t.acceptWord('WITH', 'NOCHECK') || t.acceptWord('WITH', 'CHECK')) throw unsupported('ALTER TABLE … WITH CHECK')
  if (t.acceptWord('ADD')) {
    do {
      const after: string[] = []
      const element = isTableConstraint(t)
        ? addedConstraint(t, table)
        : `ADD COLUMN ${columnDefinition(t, table, after)}`
      statements.push(`${prefix} ${element}`, ...after)
    } while (t.accept('symbol', ','))
  } else if (t.acceptWord('DROP')) {
    const column = t.acceptWord('COLUMN')
    if (!column) t.expectWord('CONSTRAINT')
    do {
      const name = t.catalogue.spelling(t.identifier())
      if (column) statements.push(`${prefix} DROP COLUMN ${quoted(name)}`)
      else statements.push(`SELECT mssql.drop_constraint(${[table.schema, table.name, name].map(literal).join(', ')})`)
    } while (t.accept('symbol', ','))
  } else if (t.acceptWord('ALTER', 'COLUMN')) statements.push(...alterColumn(t, table, prefix))
  else throw unsupported(`ALTER TABLE … ${t.token.text}`)
  return { statements }
}

function addedConstraint(t: Translation, table: DefinedName): string {
  if (t.isWord('CONSTRAINT') && t.peek(2).text.toUpperCase() === 'DEFAULT') {
    t.next()
    const name = t.identifier()
    t.expectWord('DEFAULT')
    const value = expression(t).sql
    t.expectWord('FOR')
    const column = t.catalogue.spelling(t.identifier())
    return `ALTER COLUMN ${quoted(column)} SET DEFAULT ${value}; ${rememberDefault(name, table, column)}`
  }
  return `ADD ${tableConstraint(t)}`
}

function alterColumn(t: Translation, table: DefinedName, prefix: string): string[] {
  const name = t.catalogue.spelling(t.identifier())
  const type = readType(t)
  const column = quoted(name)
  const nullable = t.acceptWord('NOT', 'NULL') ? 'SET' : 'DROP'
  t.acceptWord('NULL')
  return [
    `${prefix} ALTER COLUMN ${column} TYPE ${columnType(type)} USING ${column}::${postgresType(type)}`,
    `${prefix} ALTER COLUMN ${column} ${nullable} NOT NULL`,
    `COMMENT ON COLUMN ${table.sql}.${column} IS ${literal(typeName(type))}`,
  ]
}

export function drop(t: Translation): Definition {
  const kind = ['TABLE', 'SCHEMA', 'INDEX', 'DATABASE'].find((it) => t.acceptWord(it))
  if (kind === undefined) throw unsupported(`DROP ${t.token.text}`)
  const ifExists = t.acceptWord('IF', 'EXISTS')
  const clause = ifExists ? 'IF EXISTS ' : ''
  if (kind === 'DATABASE') return { statements: [], database: { drop: t.identifier(), ifExists } }
  if (kind === 'SCHEMA') return { statements: [`DROP SCHEMA ${clause}${quoted(t.catalogue.spelling(t.identifier()))}`] }
  if (kind === 'INDEX') {
    const name = quoted(t.identifier())
    t.expectWord('ON')
    return { statements: [`DROP INDEX ${clause}${quoted(definedName(t).schema)}.${name}`] }
  }
  const tables: string[] = []
  do tables.push(definedName(t).sql)
  while (t.accept('symbol', ','))
  return { statements: [`DROP TABLE ${clause}${tables.join(', ')}`] }
}

export function truncate(t: Translation): Definition {
  t.expectWord('TABLE')
  return { statements: [`TRUNCATE TABLE ${definedName(t).sql} RESTART IDENTITY`] }
}
