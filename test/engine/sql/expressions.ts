import { CURRENT_TIMESTAMP, functionCall, SESSION_VALUES, sessionValue } from './functions.ts'
import { selectExpression } from './select.ts'
import { incorrectSyntax, SqlError, unsupported } from './sql-error.ts'
import { literal, quoted, type Translation } from './translation.ts'
import { isText, postgresType } from './types.ts'

/** A translated expression. An untyped one takes its type from its context, as a string literal does. */
export interface Expression {
  sql: string
  untyped?: boolean
}

/** For places where PostgreSQL cannot infer the type of an untyped expression. */
export function untypedAsText({ sql, untyped }: Expression): string {
  return untyped ? `(${sql})::text` : sql
}

const COMPARISONS = new Set(['=', '<>', '<', '>', '<=', '>='])

/** Translates an expression or a condition to PostgreSQL. */
export function expression(t: Translation): Expression {
  let left = and(t)
  while (t.acceptWord('OR')) left = { sql: `${left.sql} OR ${and(t).sql}` }
  return left
}

function and(t: Translation): Expression {
  let left = not(t)
  while (t.acceptWord('AND')) left = { sql: `${left.sql} AND ${not(t).sql}` }
  return left
}

function not(t: Translation): Expression {
  return t.acceptWord('NOT') ? { sql: `NOT ${not(t).sql}` } : comparison(t)
}

function comparison(t: Translation): Expression {
  const left = additive(t)
  if (t.token.kind === 'symbol' && COMPARISONS.has(t.token.text)) {
    const operator = t.next().text
    if (t.isWord('ALL') || t.isWord('ANY') || t.isWord('SOME')) throw unsupported(`${t.token.text} of a subquery`)
    const right = additive(t)
    if (operator === '=' || operator === '<>') t.trimInput(right.sql)
    if (left.untyped && right.untyped) return { sql: `${collated(left)} ${operator} ${collated(right)}` }
    return { sql: `${left.sql} ${operator} ${right.sql}` }
  }
  if (t.acceptWord('IS')) {
    const negated = t.acceptWord('NOT') ? 'NOT ' : ''
    t.expectWord('NULL')
    return { sql: `${untypedAsText(left)} IS ${negated}NULL` }
  }
  const negated = t.acceptWord('NOT') ? 'NOT ' : ''
  if (t.acceptWord('LIKE')) return like(t, left, negated)
  if (t.acceptWord('IN')) return { sql: `${left.sql} ${negated}IN ${inList(t)}` }
  if (t.acceptWord('BETWEEN')) {
    const low = additive(t)
    t.expectWord('AND')
    return { sql: `${left.sql} ${negated}BETWEEN ${low.sql} AND ${additive(t).sql}` }
  }
  if (negated !== '') throw t.unexpected()
  return left
}

function collated({ sql }: Expression): string {
  return `(${sql})::text COLLATE mssql.ci`
}

/** T-SQL's LIKE has no default escape character. A set (`[…]`) is rejected when the statement runs. */
function like(t: Translation, left: Expression, negated: string): Expression {
  const pattern = additive(t)
  if (t.acceptWord('ESCAPE')) throw unsupported('LIKE … ESCAPE')
  const subject = left.untyped ? collated(left) : `mssql.to_text(${left.sql})`
  return { sql: `${subject} ${negated}LIKE mssql.like_pattern(mssql.to_text(${pattern.sql})) ESCAPE ''` }
}

function inList(t: Translation): string {
  t.expect('symbol', '(')
  if (t.isWord('SELECT')) {
    const query = selectExpression(t)
    t.expect('symbol', ')')
    return `(${query})`
  }
  const items: string[] = []
  do {
    const { sql } = expression(t)
    t.trimInput(sql)
    items.push(sql)
  } while (t.accept('symbol', ','))
  t.expect('symbol', ')')
  return `(${items.join(', ')})`
}

const ADDITIVE = new Set(['+', '-', '&', '|', '^'])
const MULTIPLICATIVE = new Set(['*', '/', '%'])

function additive(t: Translation): Expression {
  let left = multiplicative(t)
  while (t.token.kind === 'symbol' && ADDITIVE.has(t.token.text)) {
    const operator = t.next().text
    const right = multiplicative(t)
    const first = left.untyped && right.untyped ? untypedAsText(left) : left.sql
    left = { sql: `${first} ${operator === '^' ? '#' : operator} ${right.sql}` }
  }
  return left
}

function multiplicative(t: Translation): Expression {
  let left = unary(t)
  while (t.token.kind === 'symbol' && MULTIPLICATIVE.has(t.token.text)) {
    const operator = t.next().text
    left = { sql: `${left.sql} ${operator} ${unary(t).sql}` }
  }
  return left
}

function unary(t: Translation): Expression {
  if (t.accept('symbol', '-')) return { sql: `-${unary(t).sql}` }
  if (t.accept('symbol', '+')) return unary(t)
  if (t.accept('symbol', '~')) return { sql: `~${unary(t).sql}` }
  const value = primary(t)
  if (t.acceptWord('COLLATE')) throw unsupported(`COLLATE ${t.identifier()}`)
  return value
}

/** Words that end an expression and are not a column name without brackets. */
const RESERVED = new Set(
  `SELECT FROM WHERE GROUP ORDER HAVING UNION ON AND OR NOT IN IS LIKE BETWEEN THEN ELSE END WHEN AS SET VALUES INTO
  INSERT UPDATE DELETE MERGE CREATE ALTER DROP BEGIN COMMIT ROLLBACK IF WHILE DECLARE EXEC EXECUTE RETURN PRINT
  USING JOIN INNER LEFT OUTER CROSS FULL TOP DISTINCT ALL OPTION`.split(/\s+/),
)

function primary(t: Translation): Expression {
  const { token } = t
  switch (token.kind) {
    case 'string':
      t.next()
      return { sql: literal(token.text), untyped: true }
    case 'number':
      t.next()
      return { sql: /e/i.test(token.text) ? `${token.text}::float8` : token.text }
    case 'binary':
      t.next()
      return { sql: `'\\x${token.text.length % 2 ? '0' : ''}${token.text}'::bytea` }
    case 'variable':
      t.next()
      return variable(t, token.text)
    case 'symbol':
      if (token.text === '(') return parenthesis(t)
      throw t.unexpected()
    case 'end':
      throw incorrectSyntax('')
    default:
      return nameOrKeyword(t)
  }
}

function variable(t: Translation, name: string): Expression {
  if (name.startsWith('@@')) return { sql: sessionValue(t, name) }
  const type = t.declarations.variables.get(name)
  if (type === undefined) throw new SqlError(137, `Must declare the scalar variable "${name}".`, 15, 2)
  const sql = t.input({ kind: 'variable', name })
  return isText(type) ? { sql, untyped: true } : { sql: `${sql}::${postgresType(type)}` }
}

function parenthesis(t: Translation): Expression {
  t.expect('symbol', '(')
  if (t.isWord('SELECT')) {
    const query = selectExpression(t)
    t.expect('symbol', ')')
    return { sql: `(${query})` }
  }
  const inner = expression(t)
  t.expect('symbol', ')')
  return { ...inner, sql: `(${inner.sql})` }
}

function nameOrKeyword(t: Translation): Expression {
  if (t.acceptWord('NULL')) return { sql: 'NULL', untyped: true }
  if (t.acceptWord('CASE')) return caseExpression(t)
  if (t.acceptWord('CURRENT_TIMESTAMP')) return { sql: CURRENT_TIMESTAMP }
  if (t.acceptWord('SYSTEM_USER')) return { sql: sessionValue(t, 'system_user') }
  if (t.acceptWord('EXISTS')) {
    t.expect('symbol', '(')
    const query = selectExpression(t)
    t.expect('symbol', ')')
    return { sql: `EXISTS (${query})` }
  }
  const { token } = t
  if (token.kind === 'word') {
    const upper = token.text.toUpperCase()
    if (t.peek(1).kind === 'symbol' && t.peek(1).text === '(') {
      t.next()
      return { sql: functionCall(t, token.text) }
    }
    if (RESERVED.has(upper)) throw t.unexpected()
    if (`${token.text.toLowerCase()}()` in SESSION_VALUES && upper.includes('USER')) {
      t.next()
      return { sql: sessionValue(t, `${token.text.toLowerCase()}()`) }
    }
  }
  return { sql: columnReference(t) }
}

/** `[schema].[table].[column]`, or its last parts. */
function columnReference(t: Translation): string {
  const parts = t.qualifiedName()
  if (parts.length > 3) throw unsupported('names of four parts')
  return parts.map((part) => quoted(t.catalogue.spelling(part))).join('.')
}

function caseExpression(t: Translation): Expression {
  const subject = t.isWord('WHEN') ? '' : ` ${expression(t).sql}`
  const branches: string[] = []
  while (t.acceptWord('WHEN')) {
    const condition = expression(t).sql
    t.expectWord('THEN')
    branches.push(`WHEN ${condition} THEN ${expression(t).sql}`)
  }
  const otherwise = t.acceptWord('ELSE') ? ` ELSE ${expression(t).sql}` : ''
  t.expectWord('END')
  return { sql: `CASE${subject} ${branches.join(' ')}${otherwise} END` }
}
