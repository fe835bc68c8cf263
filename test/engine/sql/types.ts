import type { SqlType } from '../session.ts'
import { SqlError, unsupported } from './sql-error.ts'
import type { Translation } from './translation.ts'

const PLAIN = new Set([
  'bit',
  'tinyint',
  'smallint',
  'int',
  'bigint',
  'real',
  'money',
  'smallmoney',
  'date',
  'datetime',
  'smalldatetime',
  'text',
  'ntext',
  'image',
  'xml',
  'uniqueidentifier',
])
const SYNONYMS: Readonly<Record<string, string>> = {
  integer: 'int',
  dec: 'decimal',
  character: 'char',
  sysname: 'nvarchar',
}

/** Reads a data type: `NVARCHAR(100)`, `DECIMAL(10,2)`, `DATETIME2`. @param unsized - the length where none is given */
export function readType(t: Translation, unsized = 1): SqlType {
  t.accept('symbol', '.')
  const written = t.identifier()
  const name = SYNONYMS[written.toLowerCase()] ?? written.toLowerCase()
  if (written.toLowerCase() === 'sysname') return { name: 'nvarchar', length: 128 }
  if (PLAIN.has(name)) return { name } as SqlType
  const sizes = readSizes(t)
  const [first, second] = sizes
  switch (name) {
    case 'char':
    case 'varchar':
    case 'nchar':
    case 'nvarchar':
    case 'binary':
    case 'varbinary':
      return { name, length: first ?? unsized }
    case 'decimal':
    case 'numeric':
      return { name, precision: Number(first ?? 18), scale: Number(second ?? 0) }
    case 'float':
      return Number(first ?? 53) <= 24 ? { name: 'real' } : { name }
    case 'time':
    case 'datetime2':
    case 'datetimeoffset':
      return { name, scale: Number(first ?? 7) }
    default:
      throw new SqlError(2715, `Column, parameter, or variable #1: Cannot find data type ${written}.`)
  }
}

function readSizes(t: Translation): (number | 'max')[] {
  if (!t.accept('symbol', '(')) return []
  const sizes: (number | 'max')[] = []
  do sizes.push(t.acceptWord('MAX') ? 'max' : Number(t.expect('number').text))
  while (t.accept('symbol', ','))
  t.expect('symbol', ')')
  return sizes
}

/** The PostgreSQL type that stores a type. Text compares case-insensitively. */
export function postgresType(type: SqlType): string {
  switch (type.name) {
    case 'bit':
      return 'boolean'
    case 'tinyint':
    case 'smallint':
      return 'smallint'
    case 'int':
      return 'integer'
    case 'bigint':
      return 'bigint'
    case 'real':
      return 'real'
    case 'float':
      return 'double precision'
    case 'money':
      return 'numeric(19,4)'
    case 'smallmoney':
      return 'numeric(10,4)'
    case 'decimal':
    case 'numeric':
      return `numeric(${type.precision},${type.scale})`
    case 'date':
      return 'date'
    case 'time':
      return `time(${Math.min(type.scale, 6)})`
    case 'datetime':
    case 'smalldatetime':
      return 'timestamp(3)'
    case 'datetime2':
      return `timestamp(${Math.min(type.scale, 6)})`
    case 'datetimeoffset':
      return `timestamptz(${Math.min(type.scale, 6)})`
    case 'uniqueidentifier':
      return 'uuid'
    case 'char':
    case 'nchar':
      return `character(${type.length})`
    case 'varchar':
    case 'nvarchar':
    case 'text':
    case 'ntext':
    case 'xml':
      return 'text'
    case 'binary':
    case 'varbinary':
    case 'image':
      return 'bytea'
    default:
      throw unsupported('this data type')
  }
}

export function isText(type: SqlType): boolean {
  return /char|text|xml/.test(type.name)
}

/** The name of a type in the catalogue, for example `decimal(10,2)`; parsed by {@link parseTypeName}. */
export function typeName(type: SqlType): string {
  if ('length' in type) return `${type.name}(${type.length})`
  if ('precision' in type) return `${type.name}(${type.precision},${type.scale})`
  if ('scale' in type) return `${type.name}(${type.scale})`
  return type.name
}

export function parseTypeName(text: string): SqlType {
  const [, name = '', first, second] = /^(\w+)(?:\((\w+)(?:,(\d+))?\))?$/.exec(text) ?? []
  if (first === undefined) return { name } as SqlType
  if (second !== undefined) return { name, precision: Number(first), scale: Number(second) } as SqlType
  if (/time|date/.test(name)) return { name, scale: Number(first) } as SqlType
  return { name, length: first === 'max' ? 'max' : Number(first) } as SqlType
}

/**
 * The value to store in a column of this type: checks and rounds as SQL Server does on assignment.
 *
 * @param where - table and column, for the error's message
 */
export function assigned(sql: string, type: SqlType, where: { table: string; column: string }): string {
  const place = `'${quote(where.table)}', '${quote(where.column)}'`
  switch (type.name) {
    case 'varchar':
    case 'char':
      return `mssql.fit_varchar(${sql}, ${length(type.length)}, ${place})`
    case 'nvarchar':
    case 'nchar':
      return `mssql.fit_nvarchar(${sql}, ${length(type.length)}, ${place})`
    case 'text':
      return `mssql.fit_varchar(${sql}, -1, ${place})`
    case 'varbinary':
      return type.length === 'max' ? sql : `mssql.fit_binary(${sql}, ${type.length}, false, ${place})`
    case 'binary':
      return `mssql.fit_binary(${sql}, ${length(type.length)}, true, ${place})`
    case 'tinyint':
      return `mssql.to_tinyint(${sql})`
    case 'datetime':
      return `mssql.to_datetime(${sql})`
    case 'smalldatetime':
      return `mssql.to_smalldatetime(${sql})`
    case 'money':
      return `mssql.to_money((${sql})::numeric, 8)`
    case 'smallmoney':
      return `mssql.to_money((${sql})::numeric, 4)`
    default:
      return sql
  }
}

function length(value: number | 'max'): number {
  return value === 'max' ? -1 : value
}

function quote(text: string): string {
  return text.replaceAll("'", "''")
}

/** `CAST(sql AS type)`, `CONVERT(type, sql)`. */
export function cast(sql: string, type: SqlType): string {
  switch (type.name) {
    case 'tinyint':
      return `mssql.to_tinyint((${sql})::numeric)`
    case 'smallint':
    case 'int':
    case 'bigint':
      return `mssql.to_integer(${sql})::${postgresType(type)}`
    case 'varchar':
    case 'char':
      return `mssql.to_varchar(mssql.to_text(${sql}), ${length(type.length)})`
    case 'nvarchar':
    case 'nchar':
      return type.length === 'max' ? `mssql.to_text(${sql})` : `left(mssql.to_text(${sql}), ${type.length})`
    case 'bit':
      return `mssql.to_bit(${sql})`
    case 'datetime':
      return `mssql.to_datetime((${sql})::timestamp)`
    case 'smalldatetime':
      return `mssql.to_smalldatetime((${sql})::timestamp)`
    case 'varbinary':
      return type.length === 'max' ? `(${sql})::bytea` : `substring((${sql})::bytea for ${type.length})`
    default:
      return `(${sql})::${postgresType(type)}`
  }
}
