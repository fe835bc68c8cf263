import { type Expression, expression } from './expressions.ts'
import { orderItems } from './functions.ts'
import { SqlError, unsupported } from './sql-error.ts'
import { quoted, type Translation } from './translation.ts'
import { postgresType } from './types.ts'

/** `SELECT @x = …, @y = …`: the assigned variables, in the order of the columns. */
export interface Select {
  sql: string
  assigns: string[]
}

/** A query inside another statement. */
export function selectExpression(t: Translation): string {
  const { sql, assigns } = select(t)
  if (assigns.length > 0) throw t.unexpected()
  return sql
}

/** A query, with its UNIONs, ORDER BY and paging. */
export function select(t: Translation): Select {
  const common = t.acceptWord('WITH') ? commonTables(t) : ''
  const first = simpleSelect(t)
  let { sql } = first
  while (t.isWord('UNION') || t.isWord('EXCEPT') || t.isWord('INTERSECT')) {
    const operator = t.next().text.toUpperCase()
    const all = t.acceptWord('ALL') ? ' ALL' : ''
    sql += ` ${operator}${all} ${simpleSelect(t).sql}`
  }
  if (t.acceptWord('ORDER', 'BY')) sql += ` ORDER BY ${orderItems(t)}`
  sql += paging(t) || first.limit
  if (t.isWord('FOR')) throw unsupported('FOR XML and FOR JSON')
  if (t.isWord('OPTION')) throw unsupported('OPTION')
  return { sql: common + sql, assigns: first.assigns }
}

function commonTables(t: Translation): string {
  const tables: string[] = []
  do {
    const name = quoted(t.catalogue.spelling(t.identifier()))
    const columns = t.is('symbol', '(') ? columnNames(t) : ''
    t.expectWord('AS')
    t.expect('symbol', '(')
    tables.push(`${name}${columns} AS (${selectExpression(t)})`)
    t.expect('symbol', ')')
  } while (t.accept('symbol', ','))
  return `WITH ${tables.join(', ')} `
}

function paging(t: Translation): string {
  if (!t.acceptWord('OFFSET')) return ''
  const offset = expression(t).sql
  if (!t.acceptWord('ROWS')) t.expectWord('ROW')
  let sql = ` OFFSET ${offset}`
  if (t.acceptWord('FETCH')) {
    if (!t.acceptWord('NEXT')) t.expectWord('FIRST')
    sql = ` LIMIT ${expression(t).sql}${sql}`
    if (!t.acceptWord('ROWS')) t.expectWord('ROW')
    t.expectWord('ONLY')
  }
  return sql
}

function simpleSelect(t: Translation): Select & { limit: string } {
  t.expectWord('SELECT')
  let sql = 'SELECT '
  if (t.acceptWord('DISTINCT')) sql += 'DISTINCT '
  else t.acceptWord('ALL')
  const limit = t.acceptWord('TOP') ? top(t) : ''
  const { columns, assigns } = selectList(t)
  sql += columns.join(', ')
  if (t.isWord('INTO')) throw unsupported('SELECT … INTO')
  if (t.acceptWord('FROM')) sql += ` FROM ${tableSources(t)}`
  if (t.acceptWord('WHERE')) sql += ` WHERE ${expression(t).sql}`
  if (t.acceptWord('GROUP', 'BY')) {
    const items: string[] = []
    do items.push(expression(t).sql)
    while (t.accept('symbol', ','))
    sql += ` GROUP BY ${items.join(', ')}`
  }
  if (t.acceptWord('HAVING')) sql += ` HAVING ${expression(t).sql}`
  return { sql, assigns, limit }
}

function top(t: Translation): string {
  const count = t.accept('symbol', '(') ? `(${expression(t).sql})` : t.expect('number').text
  if (count.startsWith('(')) t.expect('symbol', ')')
  if (t.isWord('PERCENT') || t.isWord('WITH', 'TIES')) throw unsupported(`TOP … ${t.token.text}`)
  return ` LIMIT ${count}`
}

function selectList(t: Translation): { columns: string[]; assigns: string[] } {
  const columns: string[] = []
  const assigns: string[] = []
  do {
    if (t.accept('symbol', '*')) columns.push('*')
    else if (t.is('variable') && t.peek(1).kind === 'symbol' && t.peek(1).text === '=') {
      assigns.push(t.next().text)
      t.next()
      columns.push(expression(t).sql)
    } else columns.push(selectItem(t))
  } while (t.accept('symbol', ','))
  return { columns, assigns }
}

/** The name of an unnamed column: PostgreSQL would invent one, SQL Server leaves it empty. */
export const NO_NAME = '(no column name)'

function selectItem(t: Translation): string {
  const starred = tableStar(t)
  if (starred !== undefined) return starred
  const begin = t.token
  const item = expression(t)
  if (t.acceptWord('AS')) return `${typed(item)} AS ${quoted(alias(t))}`
  const named = t.token.kind === 'name' || (t.token.kind === 'word' && !ENDS_ITEM.has(t.token.text.toUpperCase()))
  if (named && t.token.kind !== 'string') return `${typed(item)} AS ${quoted(alias(t))}`
  const isColumn = (begin.kind === 'name' || begin.kind === 'word') && /^"[^()]*"$/.test(item.sql)
  return isColumn ? item.sql : `${typed(item)} AS ${quoted(NO_NAME)}`
}

function alias(t: Translation): string {
  return t.token.kind === 'string' ? t.next().text : t.identifier()
}

const ENDS_ITEM = new Set(
  `FROM WHERE GROUP ORDER HAVING UNION EXCEPT INTERSECT INTO OFFSET FOR OPTION SELECT INSERT UPDATE DELETE MERGE DECLARE
  SET IF ELSE BEGIN END COMMIT ROLLBACK EXEC EXECUTE PRINT RETURN WHILE THROW RAISERROR CREATE ALTER DROP TRUNCATE USE
  SAVE WAITFOR WITH ON`.split(/\s+/),
)

/** An untyped expression alone in a select list has no context to take its type from. */
function typed({ sql, untyped }: Expression): string {
  return untyped ? `(${sql})::text` : sql
}

function tableStar(t: Translation): string | undefined {
  for (let ahead = 0; ahead < 6; ahead += 2) {
    const name = t.peek(ahead)
    const dot = t.peek(ahead + 1)
    if ((name.kind !== 'name' && name.kind !== 'word') || dot.kind !== 'symbol' || dot.text !== '.') return undefined
    if (t.peek(ahead + 2).kind !== 'symbol' || t.peek(ahead + 2).text !== '*') continue
    const parts: string[] = []
    for (let i = 0; i <= ahead; i += 2) {
      parts.push(quoted(t.catalogue.spelling(t.next().text)))
      t.next()
    }
    t.next()
    return `${parts.join('.')}.*`
  }
  return undefined
}

/** The sources after FROM. */
export function tableSources(t: Translation): string {
  const sources: string[] = []
  do sources.push(joined(t))
  while (t.accept('symbol', ','))
  return sources.join(', ')
}

function joined(t: Translation): string {
  let sql = tableSource(t)
  for (;;) {
    if (t.acceptWord('CROSS', 'JOIN')) {
      sql += ` CROSS JOIN ${tableSource(t)}`
      continue
    }
    const kind = joinKind(t)
    if (kind === undefined) return sql
    sql += ` ${kind} JOIN ${tableSource(t)}`
    t.expectWord('ON')
    sql += ` ON ${expression(t).sql}`
  }
}

function joinKind(t: Translation): string | undefined {
  if (t.acceptWord('JOIN') || t.acceptWord('INNER', 'JOIN')) return 'INNER'
  for (const side of ['LEFT', 'RIGHT', 'FULL']) {
    if (t.acceptWord(side, 'JOIN') || t.acceptWord(side, 'OUTER', 'JOIN')) return side
  }
  if (t.isWord('CROSS', 'APPLY') || t.isWord('OUTER', 'APPLY')) throw unsupported('APPLY')
  return undefined
}

function tableSource(t: Translation): string {
  if (t.accept('symbol', '(')) {
    const query = t.isWord('SELECT') || t.isWord('WITH') ? selectExpression(t) : undefined
    if (query === undefined) throw unsupported('a parenthesis in FROM that is no query')
    t.expect('symbol', ')')
    return `(${query})${tableAlias(t)}`
  }
  if (t.is('variable')) return tableVariable(t)
  if (t.is('word') && ENDS_SOURCE.has(t.token.text.toUpperCase())) throw t.unexpected()
  const parts = t.qualifiedName()
  const name = tableName(t, parts)
  const as = tableAlias(t)
  hints(t)
  return name + as
}

/** A table's name for PostgreSQL. A name of one part may be a common table expression: PostgreSQL finds either. */
export function tableName(t: Translation, parts: readonly string[]): string {
  if (parts.length > 3) throw unsupported('names of four parts')
  const local = parts.length === 3 ? parts.slice(1) : parts
  if (parts.length === 3 && parts[0]?.toLowerCase() !== t.catalogue.database.toLowerCase()) {
    throw unsupported('tables of another database')
  }
  const [name = '', schema] = [...local].reverse()
  t.tables.add(name.toLowerCase())
  if (schema === undefined) return quoted(t.catalogue.spelling(name))
  return `${quoted(t.catalogue.spelling(schema))}.${quoted(t.catalogue.spelling(name))}`
}

function tableAlias(t: Translation): string {
  const named = t.acceptWord('AS') || t.is('name') || (t.is('word') && !ENDS_SOURCE.has(t.token.text.toUpperCase()))
  if (!named) return ''
  const name = ` AS ${quoted(t.identifier())}`
  return t.is('symbol', '(') ? name + columnNames(t) : name
}

const ENDS_SOURCE = new Set([
  ...ENDS_ITEM,
  ...['JOIN', 'INNER', 'LEFT', 'RIGHT', 'FULL', 'CROSS', 'OUTER', 'USING', 'WHEN', 'VALUES', 'OUTPUT', 'DEFAULT'],
])

/** `([A], [B])`, written for PostgreSQL. */
export function columnNames(t: Translation): string {
  t.expect('symbol', '(')
  const names: string[] = []
  do names.push(quoted(t.catalogue.spelling(t.identifier())))
  while (t.accept('symbol', ','))
  t.expect('symbol', ')')
  return ` (${names.join(', ')})`
}

/** The batch holds a table variable and passes it column by column. */
function tableVariable(t: Translation): string {
  const name = t.next().text
  const columns = t.declarations.tables.get(name)
  if (columns === undefined) throw new SqlError(1087, `Must declare the table variable "${name}".`, 15, 2)
  const arrays = columns.map(({ type }, index) => {
    return `${t.input({ kind: 'column', table: name, index })}::${postgresType(type).replace(/\(.*\)/, '')}[]`
  })
  const alias = tableAlias(t) || ` AS ${quoted(name)}`
  return `unnest(${arrays.join(', ')})${alias} (${columns.map((column) => quoted(column.name)).join(', ')})`
}

/** Ignores hints without effect here; rejects hints that would lock. */
function hints(t: Translation): void {
  if (!t.isWord('WITH') || t.peek(1).text !== '(') return
  t.next()
  t.next()
  do {
    const hint = t.identifier().toUpperCase()
    if (hint !== 'NOLOCK' && hint !== 'ROWLOCK' && hint !== 'READCOMMITTED') throw unsupported(`the hint ${hint}`)
  } while (t.accept('symbol', ','))
  t.expect('symbol', ')')
}
