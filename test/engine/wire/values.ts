import { type ByteReader, TdsProtocolError, uint16, uint32 } from '../../../src/tds/bytes.ts'
import type { SqlType, SqlValue } from '../session.ts'
import { decodeLatin, encodeLatin } from './code-page.ts'
import { daysSince1900, formatDate, formatTime, from1900, parseMoment, shift, timeSize } from './dates.ts'
import type { ParameterType } from './type-info.ts'

const SHORT_NULL = 0xffff
const PLP_NULL = 0xffff_ffff_ffff_ffffn
const PLP_UNKNOWN = 0xffff_ffff_ffff_fffen

/** How a type's values say how long they are (MS-TDS 2.2.5.4). */
function lengthKind(type: SqlType): 'byte' | 'short' | 'plp' | 'long' {
  if (type.name === 'xml') return 'plp'
  if (type.name === 'text' || type.name === 'ntext' || type.name === 'image') return 'long'
  if ('length' in type) return type.length === 'max' ? 'plp' : 'short'
  return 'byte'
}

/** A value of a row, with its length. */
export function encodeValue(value: SqlValue, type: SqlType): Buffer {
  const bytes = value === null ? undefined : encodeBytes(value, type)
  switch (lengthKind(type)) {
    case 'byte':
      return bytes === undefined ? Buffer.from([0]) : Buffer.concat([Buffer.from([bytes.length]), bytes])
    case 'short':
      return bytes === undefined ? uint16(SHORT_NULL) : Buffer.concat([uint16(bytes.length), bytes])
    case 'plp': {
      if (bytes === undefined) return uint64(PLP_NULL)
      const chunk = bytes.length > 0 ? [uint32(bytes.length), bytes] : []
      return Buffer.concat([uint64(BigInt(bytes.length)), ...chunk, uint32(0)])
    }
    case 'long': {
      if (bytes === undefined) return Buffer.from([0])
      const pointerAndTimestamp = Buffer.alloc(16 + 8)
      return Buffer.concat([Buffer.from([16]), pointerAndTimestamp, uint32(bytes.length), bytes])
    }
  }
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

function integer(value: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return bytes.subarray(0, length)
}

function encodeBytes(value: Exclude<SqlValue, null>, type: SqlType): Buffer {
  if (Buffer.isBuffer(value)) return value
  switch (type.name) {
    case 'bit':
      return Buffer.from([Number(value)])
    case 'tinyint':
      return Buffer.from([Number(value)])
    case 'smallint':
      return integer(BigInt(Number(value)), 2)
    case 'int':
      return integer(BigInt(Number(value)), 4)
    case 'bigint':
      return integer(BigInt(value), 8)
    case 'real': {
      const bytes = Buffer.alloc(4)
      bytes.writeFloatLE(Number(value))
      return bytes
    }
    case 'float': {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(Number(value))
      return bytes
    }
    case 'decimal':
    case 'numeric':
      return encodeDecimal(String(value), type.scale)
    case 'smallmoney':
      return integer(scaled(String(value), 4), 4)
    case 'money': {
      const bytes = integer(scaled(String(value), 4), 8)
      return Buffer.concat([bytes.subarray(4), bytes.subarray(0, 4)])
    }
    case 'uniqueidentifier':
      return encodeGuid(String(value))
    case 'date':
    case 'time':
    case 'datetime':
    case 'smalldatetime':
    case 'datetime2':
    case 'datetimeoffset':
      return encodeDate(String(value), type as DateType)
    case 'char':
    case 'varchar':
    case 'text':
      return encodeLatin(String(value))
    default:
      return Buffer.from(String(value), 'utf16le')
  }
}

/** A decimal number's digits as a whole number. */
function scaled(text: string, scale: number): bigint {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.')
  const digits = BigInt(whole + fraction.padEnd(scale, '0').slice(0, scale))
  return text.startsWith('-') ? -digits : digits
}

function encodeDecimal(text: string, scale: number): Buffer {
  const value = scaled(text, scale)
  const bytes = Buffer.alloc(17)
  bytes.writeUInt8(value < 0n ? 0 : 1, 0)
  let rest = value < 0n ? -value : value
  for (let i = 1; i < bytes.length; i++, rest >>= 8n) bytes.writeUInt8(Number(rest & 0xffn), i)
  return bytes
}

/** The first three groups of a GUID are little-endian. */
function encodeGuid(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex')
  return Buffer.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((i) => bytes[i] ?? 0))
}

function decodeGuid(bytes: Buffer): string {
  const ordered = encodeGuid(bytes.toString('hex')).toString('hex').toUpperCase()
  return ordered.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

type DateType =
  | { name: 'date' | 'datetime' | 'smalldatetime' }
  | { name: 'time' | 'datetime2' | 'datetimeoffset'; scale: number }

function encodeDate(text: string, type: DateType): Buffer {
  const moment = parseMoment(text)
  switch (type.name) {
    case 'date':
      return integer(BigInt(moment.days), 3)
    case 'time':
      return encodeTime(moment.ticks, type.scale)
    case 'datetime2':
      return Buffer.concat([encodeTime(moment.ticks, type.scale), integer(BigInt(moment.days), 3)])
    case 'datetimeoffset': {
      const [, sign = '+', hours = '0', minutes = '0'] = /([+-])(\d\d):(\d\d)$/.exec(text) ?? []
      const offset = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1)
      const utc = shift(moment, -offset)
      const parts = [encodeTime(utc.ticks, type.scale), integer(BigInt(utc.days), 3), integer(BigInt(offset), 2)]
      return Buffer.concat(parts)
    }
    case 'smalldatetime':
      return Buffer.concat([uint16(daysSince1900(moment.days)), uint16(Number(moment.ticks / 600_000_000n))])
    case 'datetime': {
      const parts = (moment.ticks * 300n + 5_000_000n) / 10_000_000n
      return Buffer.concat([integer(BigInt(daysSince1900(moment.days)), 4), integer(parts, 4)])
    }
  }
}

function encodeTime(ticks: bigint, scale: number): Buffer {
  const { bytes, divisor } = timeSize(scale)
  return integer(ticks / divisor, bytes)
}

/** Reads a parameter's value. @throws {@link TdsProtocolError} */
export function parseValue(reader: ByteReader, { type, fixed }: ParameterType): SqlValue {
  const bytes = fixed === undefined ? readBytes(reader, type) : fixed === 0 ? undefined : reader.bytes(fixed)
  return bytes === undefined ? null : decodeBytes(bytes, type)
}

function readBytes(reader: ByteReader, type: SqlType): Buffer | undefined {
  switch (lengthKind(type)) {
    case 'byte': {
      const length = reader.uint8()
      return length === 0 ? undefined : reader.bytes(length)
    }
    case 'short': {
      const length = reader.uint16()
      return length === SHORT_NULL ? undefined : reader.bytes(length)
    }
    case 'long': {
      const length = reader.int32()
      return length < 0 ? undefined : reader.bytes(length)
    }
    case 'plp':
      return readPlp(reader)
  }
}

function readPlp(reader: ByteReader): Buffer | undefined {
  const total = reader.bytes(8).readBigUInt64LE()
  if (total === PLP_NULL) return undefined
  const chunks: Buffer[] = []
  for (let length = reader.uint32(); length > 0; length = reader.uint32()) chunks.push(reader.bytes(length))
  const bytes = Buffer.concat(chunks)
  if (total !== PLP_UNKNOWN && BigInt(bytes.length) !== total) {
    throw new TdsProtocolError(`A value says that it is ${total} bytes long and has ${bytes.length}.`)
  }
  return bytes
}

function signed(bytes: Buffer): bigint {
  return bytes.length === 8 ? bytes.readBigInt64LE() : BigInt(bytes.readIntLE(0, bytes.length))
}

function decodeBytes(bytes: Buffer, type: SqlType): SqlValue {
  switch (type.name) {
    case 'bit':
      return bytes[0] !== 0
    case 'tinyint':
      return bytes.readUInt8()
    case 'smallint':
    case 'int':
      return Number(signed(bytes))
    case 'bigint':
      return signed(bytes)
    case 'real':
      return bytes.readFloatLE()
    case 'float':
      return bytes.readDoubleLE()
    case 'decimal':
    case 'numeric':
      return decodeDecimal(bytes, type.scale)
    case 'smallmoney':
      return unscaled(signed(bytes), 4)
    case 'money':
      return unscaled(signed(Buffer.concat([bytes.subarray(4), bytes.subarray(0, 4)])), 4)
    case 'uniqueidentifier':
      return decodeGuid(bytes)
    case 'date':
    case 'time':
    case 'datetime':
    case 'smalldatetime':
    case 'datetime2':
    case 'datetimeoffset':
      return decodeDate(bytes, type as DateType)
    case 'char':
    case 'varchar':
    case 'text':
      return decodeLatin(bytes)
    case 'binary':
    case 'varbinary':
    case 'image':
      return Buffer.from(bytes)
    default:
      return bytes.toString('utf16le')
  }
}

function decodeDecimal(bytes: Buffer, scale: number): string {
  let value = 0n
  for (const byte of [...bytes.subarray(1)].reverse()) value = (value << 8n) | BigInt(byte)
  return unscaled(bytes[0] === 0 ? -value : value, scale)
}

function unscaled(value: bigint, scale: number): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  const sign = value < 0n ? '-' : ''
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

function decodeDate(bytes: Buffer, type: DateType): string {
  const days = (at: number) => bytes.readUIntLE(at, 3)
  const time = (scale: number) => {
    const { bytes: length, divisor } = timeSize(scale)
    return { ticks: BigInt(bytes.readUIntLE(0, length)) * divisor, length }
  }
  switch (type.name) {
    case 'date':
      return formatDate(days(0))
    case 'time':
      return formatTime(time(type.scale).ticks, type.scale)
    case 'datetime2': {
      const { ticks, length } = time(type.scale)
      return `${formatDate(days(length))} ${formatTime(ticks, type.scale)}`
    }
    case 'datetimeoffset': {
      const { ticks, length } = time(type.scale)
      const offset = bytes.readInt16LE(length + 3)
      const local = shift({ days: days(length), ticks }, offset)
      const size = Math.abs(offset)
      const zone = [Math.floor(size / 60), size % 60].map((part) => String(part).padStart(2, '0')).join(':')
      return `${formatDate(local.days)} ${formatTime(local.ticks, type.scale)} ${offset < 0 ? '-' : '+'}${zone}`
    }
    case 'smalldatetime': {
      const ticks = BigInt(bytes.readUInt16LE(2)) * 600_000_000n
      return `${formatDate(from1900(bytes.readUInt16LE(0)))} ${formatTime(ticks, 0)}`
    }
    case 'datetime': {
      const ticks = ((BigInt(bytes.readUInt32LE(4)) * 10n + 1n) / 3n) * 10_000n
      return `${formatDate(from1900(bytes.readInt32LE(0)))} ${formatTime(ticks, 3)}`
    }
  }
}
