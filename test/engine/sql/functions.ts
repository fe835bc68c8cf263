import { expression, untypedAsText } from './expressions.ts'
import { unsupported } from './sql-error.ts'
import { literal, type Translation } from './translation.ts'
import { cast, readType } from './types.ts'

/** The PostgreSQL types of session values, which functions and global variables return. */
export const SESSION_VALUES: Readonly<Record<string, string>> = {
  '@@rowcount': 'int',
  '@@trancount': 'int',
  '@@spid': 'smallint',
  '@@error': 'int',
  '@@version': 'text',
  '@@servername': 'text',
  '@@identity': 'numeric(38,0)',
  '@@max_precision': 'smallint',
  '@@lock_timeout': 'int',
  '@@fetch_status': 'int',
  'db_name()': 'text',
  'app_name()': 'text',
  'suser_sname()': 'text',
  'original_login()': 'text',
  system_user: 'text',
  'user_name()': 'text',
  'scope_identity()': 'numeric(38,0)',
  'xact_state()': 'smallint',
  'error_number()': 'int',
  'error_message()': 'text',
  'error_severity()': 'int',
  'error_state()': 'int',
  'error_line()': 'int',
  'error_procedure()': 'text',
  'host_name()': 'text',
}

const NOW = `date_trunc('milliseconds', clock_timestamp() AT TIME ZONE 'UTC')`

export const CURRENT_TIMESTAMP = `mssql.to_datetime(${NOW})`

/** Functions without arguments that need no session. */
const PLAIN: Readonly<Record<string, string>> = {
  getdate: CURRENT_TIMESTAMP,
  getutcdate: CURRENT_TIMESTAMP,
  sysdatetime: `(clock_timestamp() AT TIME ZONE 'UTC')`,
  sysutcdatetime: `(clock_timestamp() AT TIME ZONE 'UTC')`,
  sysdatetimeoffset: 'clock_timestamp()',
  newid: 'gen_random_uuid()',
  newsequentialid: 'gen_random_uuid()',
  pi: 'pi()',
  schema_name: `'dbo'::text`,
}

const text = (sql: string) => `mssql.to_text(${sql})`

/** Functions that map to PostgreSQL functions. */
const CALLS: Readonly<Record<string, (args: string[]) => string>> = {
  concat: (args) => `concat(${args.map(text).join(', ')}) COLLATE mssql.ci`,
  isnull: ([a, b]) => `coalesce(${a}, ${b})`,
  coalesce: (args) => `coalesce(${args.join(', ')})`,
  nullif: ([a, b]) => `nullif(${a}, ${b})`,
  len: ([a]) => `length(rtrim(${text(a ?? '')}))`,
  datalength: ([a]) => `mssql.datalength(${a})`,
  upper: ([a]) => `upper(${text(a ?? '')})`,
  lower: ([a]) => `lower(${text(a ?? '')})`,
  ltrim: ([a]) => `ltrim(${text(a ?? '')})`,
  rtrim: ([a]) => `rtrim(${text(a ?? '')})`,
  trim: ([a]) => `btrim(${text(a ?? '')})`,
  replace: ([a, b, c]) => `replace(${text(a ?? '')}, ${text(b ?? '')}, ${text(c ?? '')})`,
  substring: ([a, b, c]) => `substring(${text(a ?? '')}, ${b}, ${c})`,
  left: ([a, b]) => `left(${text(a ?? '')}, ${b})`,
  right: ([a, b]) => `right(${text(a ?? '')}, ${b})`,
  reverse: ([a]) => `reverse(${text(a ?? '')})`,
  replicate: ([a, b]) => `repeat(${text(a ?? '')}, ${b})`,
  quotename: ([a]) => `('[' || replace(${text(a ?? '')}, ']', ']]') || ']')`,
  abs: ([a]) => `abs(${a})`,
  ceiling: ([a]) => `ceil(${a})`,
  floor: ([a]) => `floor(${a})`,
  sqrt: ([a]) => `sqrt((${a})::float8)`,
  power: ([a, b]) => `power(${a}, ${b})`,
  sign: ([a]) => `sign(${a})`,
  round: ([a, b]) => `round((${a})::numeric, ${b})`,
  object_id: (args) => `mssql.object_id(${text(args[0] ?? '')})`,
  schema_id: ([a]) => `mssql.schema_id(${text(a ?? '')})`,
  columnproperty: ([a, b, c]) => `mssql.column_property(${a}, ${text(b ?? '')}, ${text(c ?? '')})`,
  db_id: ([a]) => `mssql.db_id(${text(a ?? '')})`,
  serverproperty: ([a]) => `mssql.serverproperty(${text(a ?? '')})`,
  is_rolemember: ([a]) => `mssql.is_rolemember(${text(a ?? '')})`,
  has_perms_by_name: (args) => `mssql.has_perms_by_name(${args.map(text).join(', ')})`,
  year: ([a]) => `extract(year FROM (${a})::timestamp)::int`,
  month: ([a]) => `extract(month FROM (${a})::timestamp)::int`,
  day: ([a]) => `extract(day FROM (${a})::timestamp)::int`,
}

const AGGREGATES: Readonly<Record<string, (argument: string) => string>> = {
  count: (a) => `count(${a})`,
  count_big: (a) => `count(${a})`,
  sum: (a) => `mssql.sum(${a})`,
  avg: (a) => `mssql.avg(${a})`,
  min: (a) => `min(${a})`,
  max: (a) => `max(${a})`,
}

const RANKINGS = new Set(['row_number', 'rank', 'dense_rank'])

/** A function call whose name was just read; the parenthesis is next. @throws SqlError that names what is not known */
export function functionCall(t: Translation, written: string): string {
  const name = written.toLowerCase()
  t.expect('symbol', '(')
  if (name === 'cast' || name === 'try_cast') return castCall(t, name)
  if (name === 'convert' || name === 'try_convert') return convertCall(t, name)
  if (name === 'iif') return iif(t)
  if (name === 'dateadd' || name === 'datediff' || name === 'datepart') return datePartCall(t, name)
  if (name in AGGREGATES) return aggregateCall(t, name)
  if (RANKINGS.has(name)) {
    t.expect('symbol', ')')
    return `${name}()${over(t)}`
  }
  const args: string[] = []
  if (!t.accept('symbol', ')')) {
    do args.push(expression(t).sql)
    while (t.accept('symbol', ','))
    t.expect('symbol', ')')
  }
  if (args.length === 0 && `${name}()` in SESSION_VALUES) return sessionValue(t, `${name}()`)
  if (args.length === 0 && name in PLAIN) return PLAIN[name] ?? ''
  const call = CALLS[name]
  if (call === undefined || args.length === 0) throw unsupported(`the function ${written.toUpperCase()}`)
  return call(args)
}

export function sessionValue(t: Translation, name: string): string {
  const type = SESSION_VALUES[name]
  if (type === undefined) throw unsupported(name)
  return `${t.input({ kind: 'variable', name })}::${type}`
}

function castCall(t: Translation, name: string): string {
  const value = expression(t)
  t.expectWord('AS')
  const type = readType(t, 30)
  t.expect('symbol', ')')
  if (name === 'try_cast') throw unsupported('TRY_CAST')
  return cast(value.sql, type)
}

function convertCall(t: Translation, name: string): string {
  const type = readType(t, 30)
  t.expect('symbol', ',')
  const value = expression(t)
  if (t.is('symbol', ',')) throw unsupported('styles of CONVERT')
  t.expect('symbol', ')')
  if (name === 'try_convert') throw unsupported('TRY_CONVERT')
  return cast(value.sql, type)
}

function iif(t: Translation): string {
  const condition = expression(t).sql
  t.expect('symbol', ',')
  const yes = expression(t).sql
  t.expect('symbol', ',')
  const no = expression(t).sql
  t.expect('symbol', ')')
  return `CASE WHEN ${condition} THEN ${yes} ELSE ${no} END`
}

const UNITS: Readonly<Record<string, string>> = {
  year: 'year',
  yy: 'year',
  yyyy: 'year',
  month: 'month',
  mm: 'month',
  m: 'month',
  day: 'day',
  dd: 'day',
  d: 'day',
  hour: 'hour',
  hh: 'hour',
  minute: 'minute',
  mi: 'minute',
  n: 'minute',
  second: 'second',
  ss: 'second',
  s: 'second',
  millisecond: 'millisecond',
  ms: 'millisecond',
}

function datePartCall(t: Translation, name: string): string {
  const written = t.identifier()
  const unit = UNITS[written.toLowerCase()]
  if (unit === undefined) throw unsupported(`the date part ${written}`)
  t.expect('symbol', ',')
  const first = expression(t).sql
  if (name === 'datepart') {
    t.expect('symbol', ')')
    if (unit === 'millisecond' || unit === 'second') throw unsupported(`DATEPART of ${written}`)
    return `extract(${unit} FROM (${first})::timestamp)::int`
  }
  t.expect('symbol', ',')
  const second = expression(t).sql
  t.expect('symbol', ')')
  if (name === 'dateadd') return `((${second})::timestamp + (${first}) * interval '1 ${unit}')`
  return `mssql.datediff(${literal(unit)}, (${first})::timestamp, (${second})::timestamp)`
}

function aggregateCall(t: Translation, name: string): string {
  const call = AGGREGATES[name] ?? ((it: string) => it)
  let sql: string
  if (t.accept('symbol', '*')) sql = call('*')
  else {
    const distinct = t.acceptWord('DISTINCT') ? 'DISTINCT ' : ''
    sql = call(`${distinct}${untypedAsText(expression(t))}`)
  }
  t.expect('symbol', ')')
  sql += over(t)
  return name === 'count' ? `(${sql})::int` : sql
}

function over(t: Translation): string {
  if (!t.acceptWord('OVER')) return ''
  t.expect('symbol', '(')
  const parts: string[] = []
  if (t.acceptWord('PARTITION', 'BY')) parts.push(`PARTITION BY ${list(t)}`)
  if (t.acceptWord('ORDER', 'BY')) parts.push(`ORDER BY ${orderItems(t)}`)
  t.expect('symbol', ')')
  return ` OVER (${parts.join(' ')})`
}

function list(t: Translation): string {
  const items: string[] = []
  do items.push(expression(t).sql)
  while (t.accept('symbol', ','))
  return items.join(', ')
}

/** SQL Server sorts NULL lowest, PostgreSQL highest. */
export function orderItems(t: Translation): string {
  const items: string[] = []
  do {
    const { sql } = expression(t)
    const descending = t.acceptWord('DESC')
    if (!descending) t.acceptWord('ASC')
    items.push(`${sql} ${descending ? 'DESC NULLS LAST' : 'ASC NULLS FIRST'}`)
  } while (t.accept('symbol', ','))
  return items.join(', ')
}
