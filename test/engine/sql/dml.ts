import { type CatalogueTable, columnOf } from './catalogue.ts'
import { expression } from './expressions.ts'
import { columnNames, selectExpression, tableSources } from './select.ts'
import { SqlError, unsupported } from './sql-error.ts'
import { quoted, type Translation } from './translation.ts'
import { assigned } from './types.ts'

/** INSERT, UPDATE, DELETE or MERGE. */
export interface Change {
  sql: string
  /** The table that it changes. */
  table: string
  /** Where the rows of OUTPUT go; `client` for a result. */
  output: 'none' | 'client' | { table: string }
  /** The table, if the statement sets its IDENTITY column. */
  setsIdentity: string | undefined
}

type Output = Pick<Change, 'output'> & { returning: string }

/** `OUTPUT Inserted.[id] [INTO @t]`. */
function outputClause(t: Translation): Output {
  if (!t.acceptWord('OUTPUT')) return { output: 'none', returning: '' }
  const columns: string[] = []
  do {
    const which = t.identifier().toLowerCase()
    if (which !== 'inserted' && which !== 'deleted') throw unsupported('an expression in OUTPUT')
    t.expect('symbol', '.')
    const row = which === 'inserted' ? 'new' : 'old'
    if (t.accept('symbol', '*')) columns.push(`${row}.*`)
    else {
      const name = t.catalogue.spelling(t.identifier())
      columns.push(`${row}.${quoted(name)} AS ${quoted(t.acceptWord('AS') ? t.identifier() : name)}`)
    }
  } while (t.accept('symbol', ','))
  const returning = ` RETURNING ${columns.join(', ')}`
  if (!t.acceptWord('INTO')) return { output: 'client', returning }
  const table = t.expect('variable').text
  if (t.is('symbol', '(')) columnNames(t)
  return { output: { table }, returning }
}

export function insert(t: Translation): Change {
  t.acceptWord('INTO')
  const table = t.catalogue.table(t.qualifiedName())
  const listed = t.is('symbol', '(') ? insertColumns(t) : undefined
  const columns = (listed ?? table.columns.filter(({ identity }) => !identity).map(({ name }) => name)).map((name) =>
    columnOf(table, name),
  )
  const output = outputClause(t)
  const into = `INSERT INTO ${nameOf(table)}`
  const finish = (source: string): Change => ({
    table: table.name,
    sql: `${into} (${columns.map(({ name }) => quoted(name)).join(', ')}) ${source}${output.returning}`,
    output: output.output,
    setsIdentity: columns.some(({ identity }) => identity) ? table.name : undefined,
  })
  const fitted = (sql: string, i: number) => {
    const column = columns[i]
    if (column === undefined && table.open) return sql
    if (column === undefined) {
      throw new SqlError(213, 'Column name or number of supplied values does not match table definition.')
    }
    return assigned(sql, column.type, { table: fullName(t, table), column: column.name })
  }
  if (t.acceptWord('DEFAULT', 'VALUES')) {
    const sql = `${into} DEFAULT VALUES${output.returning}`
    return { sql, table: table.name, output: output.output, setsIdentity: undefined }
  }
  if (t.acceptWord('VALUES')) return finish(`VALUES ${rows(t, fitted)}`)
  if (t.isWord('EXEC')) throw unsupported('INSERT … EXEC')
  const names = columns.map((_, i) => `c${i}`)
  const query = selectExpression(t)
  return finish(`SELECT ${names.map(fitted).join(', ')} FROM (${query}) AS source (${names.join(', ')})`)
}

/** Prisma qualifies them: `([dbo].[User].[email], …)`. */
function insertColumns(t: Translation): string[] {
  t.expect('symbol', '(')
  const names: string[] = []
  do names.push(t.qualifiedName().at(-1) ?? '')
  while (t.accept('symbol', ','))
  t.expect('symbol', ')')
  return names
}

function rows(t: Translation, fitted: (sql: string, i: number) => string): string {
  const all: string[] = []
  do {
    t.expect('symbol', '(')
    const values: string[] = []
    do values.push(t.acceptWord('DEFAULT') ? 'DEFAULT' : fitted(expression(t).sql, values.length))
    while (t.accept('symbol', ','))
    t.expect('symbol', ')')
    all.push(`(${values.join(', ')})`)
  } while (t.accept('symbol', ','))
  return all.join(', ')
}

export function update(t: Translation): Change {
  if (t.isWord('TOP')) throw unsupported('UPDATE TOP')
  const table = t.catalogue.table(t.qualifiedName())
  t.expectWord('SET')
  const sets: string[] = []
  do {
    const column = columnOf(table, t.qualifiedName().at(-1) ?? '')
    const operator = t.next().text
    if (!/^[-+*/]?=$/.test(operator)) throw t.unexpected()
    const name = quoted(column.name)
    const value = t.acceptWord('DEFAULT') ? 'DEFAULT' : expression(t).sql
    const sql = operator === '=' ? value : `${name} ${operator[0]} (${value})`
    const place = { table: fullName(t, table), column: column.name }
    sets.push(`${name} = ${sql === 'DEFAULT' ? sql : assigned(sql, column.type, place)}`)
  } while (t.accept('symbol', ','))
  const output = outputClause(t)
  if (t.isWord('FROM')) throw unsupported('UPDATE … FROM')
  const where = t.acceptWord('WHERE') ? ` WHERE ${expression(t).sql}` : ''
  const sql = `UPDATE ${nameOf(table)} SET ${sets.join(', ')}${where}${output.returning}`
  return { sql, table: table.name, output: output.output, setsIdentity: undefined }
}

export function remove(t: Translation): Change {
  if (t.isWord('TOP')) throw unsupported('DELETE TOP')
  t.acceptWord('FROM')
  const table = t.catalogue.table(t.qualifiedName())
  const output = outputClause(t)
  if (t.isWord('FROM')) throw unsupported('DELETE … FROM … FROM')
  const where = t.acceptWord('WHERE') ? ` WHERE ${expression(t).sql}` : ''
  const sql = `DELETE FROM ${nameOf(table)}${where}${output.returning}`
  return { sql, table: table.name, output: output.output, setsIdentity: undefined }
}

/** The MERGE that Prisma uses to link a many-to-many relation. */
export function merge(t: Translation): Change {
  t.acceptWord('INTO')
  const table = t.catalogue.table(t.qualifiedName())
  const alias = t.acceptWord('AS') ? ` AS ${quoted(t.identifier())}` : ''
  t.expectWord('USING')
  let sql = `MERGE INTO ${nameOf(table)}${alias} USING ${tableSources(t)}`
  t.expectWord('ON')
  sql += ` ON ${expression(t).sql}`
  while (t.acceptWord('WHEN')) sql += ` WHEN ${mergeBranch(t, table)}`
  return { sql, table: table.name, output: 'none', setsIdentity: undefined }
}

function mergeBranch(t: Translation, table: CatalogueTable): string {
  const negated = t.acceptWord('NOT') ? 'NOT ' : ''
  t.expectWord('MATCHED')
  const condition = t.acceptWord('AND') ? ` AND ${expression(t).sql}` : ''
  t.expectWord('THEN')
  const when = `${negated}MATCHED${condition} THEN `
  if (t.acceptWord('DELETE')) return `${when}DELETE`
  t.expectWord('INSERT')
  const columns = insertColumns(t).map((name) => columnOf(table, name))
  t.expectWord('VALUES')
  const place = (i: number) => ({ table: fullName(t, table), column: columns[i]?.name ?? '' })
  const values = rows(t, (value, i) => (columns[i] ? assigned(value, columns[i].type, place(i)) : value))
  return `${when}INSERT (${columns.map(({ name }) => quoted(name)).join(', ')}) VALUES ${values}`
}

function nameOf(table: CatalogueTable): string {
  return `${quoted(table.schema)}.${quoted(table.name)}`
}

/** A table as error messages name it. */
function fullName(t: Translation, table: CatalogueTable): string {
  return `${t.catalogue.database}.${table.schema}.${table.name}`
}
