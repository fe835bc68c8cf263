import type { SqlType, SqlValue } from '../session.ts'
import { isText } from './types.ts'

/** Object ids of PostgreSQL's types. */
const OIDS: Readonly<Record<number, SqlType>> = {
  16: { name: 'bit' },
  17: { name: 'varbinary', length: 'max' },
  20: { name: 'bigint' },
  21: { name: 'smallint' },
  23: { name: 'int' },
  700: { name: 'real' },
  701: { name: 'float' },
  1082: { name: 'date' },
  1083: { name: 'time', scale: 7 },
  1114: { name: 'datetime2', scale: 7 },
  1184: { name: 'datetimeoffset', scale: 7 },
  2278: { name: 'nvarchar', length: 4000 },
  2950: { name: 'uniqueidentifier' },
}
const NUMERIC = 1700
const MAX_PRECISION = 38
const MAX_INLINE = 4000

/** The SQL Server type of a result column that is not a table column, from PostgreSQL's type and its values. */
export function inferType(oid: number, values: readonly (string | null)[]): SqlType {
  const known = OIDS[oid]
  if (known !== undefined) return known
  if (oid === NUMERIC) {
    const scale = values.reduce((most, value) => Math.max(most, value?.split('.')[1]?.length ?? 0), 0)
    return { name: 'numeric', precision: MAX_PRECISION, scale: Math.min(scale, MAX_PRECISION) }
  }
  const long = values.some((value) => value !== null && value.length > MAX_INLINE)
  return { name: 'nvarchar', length: long ? 'max' : MAX_INLINE }
}

/** Converts a value from PostgreSQL's text to the wire's form. */
export function fromPostgres(text: string | null, type: SqlType): SqlValue {
  if (text === null) return null
  switch (type.name) {
    case 'bit':
      return text === 't' || text === 'true'
    case 'tinyint':
    case 'smallint':
    case 'int':
      return Number(text)
    case 'real':
    case 'float':
      return Number(text)
    case 'bigint':
      return BigInt(text)
    case 'uniqueidentifier':
      return text.toUpperCase()
    case 'binary':
    case 'varbinary':
    case 'image':
      return Buffer.from(text.slice(2), 'hex')
    case 'datetimeoffset':
      return text.replace(/([+-]\d\d)$/, ' $1:00')
    default:
      return text
  }
}

/** Converts a value to PostgreSQL's text. */
export function toPostgres(value: SqlValue, type: SqlType): string | null {
  if (value === null) return null
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`
  if (typeof value === 'boolean') return isText(type) ? String(Number(value)) : String(value)
  return String(value)
}
