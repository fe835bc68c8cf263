import { ByteReader, TdsProtocolError } from '../../../src/tds/bytes.ts'
import { PacketType } from '../../../src/tds/packet.ts'
import type { IsolationLevel, Parameter } from '../session.ts'
import { type BulkLoad, parseBulkLoad } from './bulk-load.ts'
import { parseTypeInfo } from './type-info.ts'
import { parseValue } from './values.ts'

/** The transaction that begins when another ends: clients without autocommit ask for it (FreeTDS below ODBC does). */
export interface NextTransaction {
  isolation: IsolationLevel | undefined
}

/** A statement, and the names of its parameters. */
export interface PreparedStatement {
  /** As the client calls the parameter for the handle. */
  handleName: string
  sql: string
  names: string[]
}

/** A client's request. */
export type EngineRequest =
  | { kind: 'batch'; sql: string }
  | { kind: 'statement'; sql: string; parameters: Parameter[] }
  /** `sp_prepare`, or `sp_prepexec` with the parameters of the first execution. */
  | { kind: 'prepare'; statement: PreparedStatement; parameters?: Parameter[] }
  | { kind: 'execute'; handle: number; parameters: Parameter[] }
  | { kind: 'unprepare'; handle: number }
  | { kind: 'bulk'; load: BulkLoad }
  | { kind: 'begin'; isolation: IsolationLevel | undefined }
  | { kind: 'commit'; next: NextTransaction | undefined }
  | { kind: 'rollback'; name: string; next: NextTransaction | undefined }
  | { kind: 'save'; name: string }
  /** Understood, but not supported by the engine. */
  | { kind: 'unsupported'; what: string }

/**
 * Reads a request message (MS-TDS 2.2.6.6, 2.2.6.7, 2.2.6.9).
 *
 * @throws {@link TdsProtocolError}
 */
export function parseRequest(type: number, payload: Buffer): EngineRequest {
  const reader = new ByteReader(payload, 'a request')
  switch (type) {
    case PacketType.SQL_BATCH:
      skipHeaders(reader)
      return { kind: 'batch', sql: reader.bytes(reader.left).toString('utf16le') }
    case PacketType.RPC:
      skipHeaders(reader)
      return parseRpc(reader)
    case PacketType.TRANSACTION_MANAGER:
      skipHeaders(reader)
      return parseTransactionRequest(reader)
    case PacketType.BULK_LOAD:
      return { kind: 'bulk', load: parseBulkLoad(payload) }
    default:
      throw new TdsProtocolError(`A message of type 0x${type.toString(16)} is no request.`)
  }
}

/** ALL_HEADERS. Ignored: the engine tracks the one transaction of each session itself. */
function skipHeaders(reader: ByteReader): void {
  const length = reader.uint32()
  if (length < 4) throw new TdsProtocolError(`ALL_HEADERS says that it is ${length} bytes long.`)
  reader.bytes(length - 4)
}

const BY_ID = 0xffff
const PROCEDURES: Readonly<Record<number, string>> = {
  1: 'sp_cursor',
  2: 'sp_cursoropen',
  3: 'sp_cursorprepare',
  4: 'sp_cursorexecute',
  5: 'sp_cursorprepexec',
  6: 'sp_cursorunprepare',
  7: 'sp_cursorfetch',
  8: 'sp_cursoroption',
  9: 'sp_cursorclose',
  10: 'sp_executesql',
  11: 'sp_prepare',
  12: 'sp_execute',
  13: 'sp_prepexec',
  14: 'sp_prepexecrpc',
  15: 'sp_unprepare',
}

function parseRpc(reader: ByteReader): EngineRequest {
  const length = reader.uint16()
  const id = length === BY_ID ? reader.uint16() : undefined
  const name =
    id === undefined
      ? reader
          .bytes(length * 2)
          .toString('utf16le')
          .toLowerCase()
      : PROCEDURES[id]
  reader.uint16()
  const parameters: () => Parameter[] = () => {
    const read: Parameter[] = []
    while (reader.left > 0) read.push(parseParameter(reader))
    return read
  }
  switch (name) {
    case 'sp_executesql': {
      const [sql, declarations, ...values] = parameters()
      return { kind: 'statement', sql: textOf(sql), parameters: named(namesIn(declarations), values) }
    }
    case 'sp_prepare': {
      const [handle, declarations, sql] = parameters()
      return { kind: 'prepare', statement: preparedOf(handle, declarations, sql) }
    }
    case 'sp_prepexec': {
      const [handle, declarations, sql, ...values] = parameters()
      return { kind: 'prepare', statement: preparedOf(handle, declarations, sql), parameters: values }
    }
    case 'sp_execute': {
      const [handle, ...values] = parameters()
      return { kind: 'execute', handle: Number(handle?.value), parameters: values }
    }
    case 'sp_unprepare':
      return { kind: 'unprepare', handle: Number(parameters()[0]?.value) }
    default:
      return { kind: 'unsupported', what: `the procedure ${name ?? id} as a remote call` }
  }
}

function preparedOf(...[handle, declarations, sql]: (Parameter | undefined)[]): PreparedStatement {
  return { handleName: handle?.name ?? '', sql: textOf(sql), names: namesIn(declarations) }
}

function textOf(statement: Parameter | undefined): string {
  if (typeof statement?.value !== 'string') throw new TdsProtocolError('A procedure was given no statement.')
  return statement.value
}

/** The names in `@a int, @b decimal(10,2)`. */
function namesIn(declarations: Parameter | undefined): string[] {
  return String(declarations?.value ?? '').match(/@[\w@#$]+/g) ?? []
}

/** Values that a client left without names take them in their order. */
export function named(names: readonly string[], values: readonly Parameter[]): Parameter[] {
  return values.map((value, i) => (value.name === '' ? { ...value, name: names[i] ?? '' } : value))
}

function parseParameter(reader: ByteReader): Parameter {
  const name = reader.bVarchar()
  reader.uint8()
  const info = parseTypeInfo(reader)
  return { name, type: info.type, value: parseValue(reader, info) }
}

const TransactionRequest = { BEGIN: 5, COMMIT: 7, ROLLBACK: 8, SAVE: 9 } as const
const ISOLATION_LEVELS: readonly (IsolationLevel | undefined)[] = [
  undefined,
  'READ UNCOMMITTED',
  'READ COMMITTED',
  'REPEATABLE READ',
  'SERIALIZABLE',
  'SNAPSHOT',
]

function parseTransactionRequest(reader: ByteReader): EngineRequest {
  const type = reader.uint16()
  switch (type) {
    case TransactionRequest.BEGIN:
      return { kind: 'begin', isolation: ISOLATION_LEVELS[reader.uint8()] }
    case TransactionRequest.COMMIT:
      reader.bVarchar()
      return { kind: 'commit', next: parseNext(reader) }
    case TransactionRequest.ROLLBACK:
      return { kind: 'rollback', name: reader.bVarchar(), next: parseNext(reader) }
    case TransactionRequest.SAVE:
      return { kind: 'save', name: reader.bVarchar() }
    default:
      return { kind: 'unsupported', what: `transaction manager request ${type}` }
  }
}

/** What follows the name in COMMIT and ROLLBACK. */
function parseNext(reader: ByteReader): NextTransaction | undefined {
  const BEGINS = 0x01
  if ((reader.uint8() & BEGINS) === 0) return undefined
  return { isolation: ISOLATION_LEVELS[reader.uint8()] }
}
