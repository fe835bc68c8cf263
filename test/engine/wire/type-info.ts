import { type ByteReader, TdsProtocolError, uint16, uint32 } from '../../../src/tds/bytes.ts'
import type { SqlType } from '../session.ts'

/** SQL_Latin1_General_CP1_CI_AS. */
export const COLLATION = Buffer.from([0x09, 0x04, 0xd0, 0x00, 0x34])

/** Type tokens (MS-TDS 2.2.5.4). */
const T = {
  NULL: 0x1f,
  IMAGE: 0x22,
  TEXT: 0x23,
  GUID: 0x24,
  INTN: 0x26,
  DATEN: 0x28,
  TIMEN: 0x29,
  DATETIME2N: 0x2a,
  DATETIMEOFFSETN: 0x2b,
  INT1: 0x30,
  BIT: 0x32,
  INT2: 0x34,
  INT4: 0x38,
  DATETIM4: 0x3a,
  FLT4: 0x3b,
  MONEY: 0x3c,
  DATETIME: 0x3d,
  FLT8: 0x3e,
  NTEXT: 0x63,
  BITN: 0x68,
  DECIMALN: 0x6a,
  NUMERICN: 0x6c,
  FLTN: 0x6d,
  MONEYN: 0x6e,
  DATETIMN: 0x6f,
  MONEY4: 0x7a,
  INT8: 0x7f,
  BIGVARBINARY: 0xa5,
  BIGVARCHAR: 0xa7,
  BIGBINARY: 0xad,
  BIGCHAR: 0xaf,
  NVARCHAR: 0xe7,
  NCHAR: 0xef,
  XML: 0xf1,
} as const

const MAX = 0xffff
const DECIMAL_BYTES = 17

/** TYPE_INFO of a column: the nullable variant of each type. */
export function encodeTypeInfo(type: SqlType): Buffer {
  const sized = (token: number, size: number) => Buffer.from([token, size])
  switch (type.name) {
    case 'bit':
      return sized(T.BITN, 1)
    case 'tinyint':
      return sized(T.INTN, 1)
    case 'smallint':
      return sized(T.INTN, 2)
    case 'int':
      return sized(T.INTN, 4)
    case 'bigint':
      return sized(T.INTN, 8)
    case 'real':
      return sized(T.FLTN, 4)
    case 'float':
      return sized(T.FLTN, 8)
    case 'smallmoney':
      return sized(T.MONEYN, 4)
    case 'money':
      return sized(T.MONEYN, 8)
    case 'smalldatetime':
      return sized(T.DATETIMN, 4)
    case 'datetime':
      return sized(T.DATETIMN, 8)
    case 'date':
      return Buffer.from([T.DATEN])
    case 'time':
      return sized(T.TIMEN, type.scale)
    case 'datetime2':
      return sized(T.DATETIME2N, type.scale)
    case 'datetimeoffset':
      return sized(T.DATETIMEOFFSETN, type.scale)
    case 'uniqueidentifier':
      return sized(T.GUID, 16)
    case 'decimal':
      return Buffer.from([T.DECIMALN, DECIMAL_BYTES, type.precision, type.scale])
    case 'numeric':
      return Buffer.from([T.NUMERICN, DECIMAL_BYTES, type.precision, type.scale])
    case 'char':
      return text(T.BIGCHAR, type.length, 1)
    case 'varchar':
      return text(T.BIGVARCHAR, type.length, 1)
    case 'nchar':
      return text(T.NCHAR, type.length, 2)
    case 'nvarchar':
      return text(T.NVARCHAR, type.length, 2)
    case 'binary':
      return Buffer.concat([Buffer.from([T.BIGBINARY]), uint16(bytesOf(type.length, 1))])
    case 'varbinary':
      return Buffer.concat([Buffer.from([T.BIGVARBINARY]), uint16(bytesOf(type.length, 1))])
    case 'text':
      return Buffer.concat([Buffer.from([T.TEXT]), uint32(0x7fffffff), COLLATION])
    case 'ntext':
      return Buffer.concat([Buffer.from([T.NTEXT]), uint32(0x7ffffffe), COLLATION])
    case 'image':
      return Buffer.concat([Buffer.from([T.IMAGE]), uint32(0x7fffffff)])
    case 'xml':
      return Buffer.from([T.XML, 0])
  }
}

function bytesOf(length: number | 'max', unit: number): number {
  return length === 'max' ? MAX : length * unit
}

function text(token: number, length: number | 'max', unit: number): Buffer {
  return Buffer.concat([Buffer.from([token]), uint16(bytesOf(length, unit)), COLLATION])
}

const FIXED: Readonly<Record<number, readonly [SqlType, number]>> = {
  [T.INT1]: [{ name: 'tinyint' }, 1],
  [T.BIT]: [{ name: 'bit' }, 1],
  [T.INT2]: [{ name: 'smallint' }, 2],
  [T.INT4]: [{ name: 'int' }, 4],
  [T.INT8]: [{ name: 'bigint' }, 8],
  [T.FLT4]: [{ name: 'real' }, 4],
  [T.FLT8]: [{ name: 'float' }, 8],
  [T.MONEY4]: [{ name: 'smallmoney' }, 4],
  [T.MONEY]: [{ name: 'money' }, 8],
  [T.DATETIM4]: [{ name: 'smalldatetime' }, 4],
  [T.DATETIME]: [{ name: 'datetime' }, 8],
}

const NULLABLE: Readonly<Record<number, Readonly<Record<number, SqlType>>>> = {
  [T.INTN]: { 1: { name: 'tinyint' }, 2: { name: 'smallint' }, 4: { name: 'int' }, 8: { name: 'bigint' } },
  [T.BITN]: { 1: { name: 'bit' } },
  [T.FLTN]: { 4: { name: 'real' }, 8: { name: 'float' } },
  [T.MONEYN]: { 4: { name: 'smallmoney' }, 8: { name: 'money' } },
  [T.DATETIMN]: { 4: { name: 'smalldatetime' }, 8: { name: 'datetime' } },
}

/** The type of a parameter; `fixed` is the length of its value if no length precedes it. */
export interface ParameterType {
  type: SqlType
  fixed: number | undefined
}

/** Reads TYPE_INFO of a parameter. @throws {@link TdsProtocolError} for a type that the engine does not take */
export function parseTypeInfo(reader: ByteReader): ParameterType {
  const token = reader.uint8()
  const fixed = FIXED[token]
  if (fixed !== undefined) return { type: fixed[0], fixed: fixed[1] }
  if (token === T.NULL) return { type: { name: 'nvarchar', length: 1 }, fixed: 0 }
  return { type: parseVariableType(token, reader), fixed: undefined }
}

function parseVariableType(token: number, reader: ByteReader): SqlType {
  const nullable = NULLABLE[token]
  if (nullable !== undefined) {
    const type = nullable[reader.uint8()]
    if (type === undefined) throw new TdsProtocolError('A parameter has a length that its type cannot have.')
    return type
  }
  const length = (unit: number) => {
    const bytes = reader.uint16()
    return bytes === MAX ? ('max' as const) : bytes / unit
  }
  const collated = (type: SqlType) => {
    reader.bytes(COLLATION.length)
    return type
  }
  switch (token) {
    case T.GUID:
      reader.uint8()
      return { name: 'uniqueidentifier' }
    case T.DECIMALN:
    case T.NUMERICN:
      reader.uint8()
      return { name: 'decimal', precision: reader.uint8(), scale: reader.uint8() }
    case T.DATEN:
      return { name: 'date' }
    case T.TIMEN:
      return { name: 'time', scale: scaleOf(reader) }
    case T.DATETIME2N:
      return { name: 'datetime2', scale: scaleOf(reader) }
    case T.DATETIMEOFFSETN:
      return { name: 'datetimeoffset', scale: scaleOf(reader) }
    case T.BIGVARBINARY:
      return { name: 'varbinary', length: length(1) }
    case T.BIGBINARY:
      return { name: 'binary', length: length(1) }
    case T.BIGVARCHAR:
      return collated({ name: 'varchar', length: length(1) })
    case T.BIGCHAR:
      return collated({ name: 'char', length: length(1) })
    case T.NVARCHAR:
      return collated({ name: 'nvarchar', length: length(2) })
    case T.NCHAR:
      return collated({ name: 'nchar', length: length(2) })
    case T.TEXT:
      reader.uint32()
      return collated({ name: 'text' })
    case T.NTEXT:
      reader.uint32()
      return collated({ name: 'ntext' })
    case T.IMAGE:
      reader.uint32()
      return { name: 'image' }
    default:
      throw new TdsProtocolError(`The local engine does not take parameters of type 0x${token.toString(16)}.`)
  }
}

function scaleOf(reader: ByteReader): number {
  const scale = reader.uint8()
  if (scale > 7) throw new TdsProtocolError(`A time has a scale of ${scale}; 7 is the most.`)
  return scale
}
