import { ByteReader, TdsProtocolError } from '../../../src/tds/bytes.ts'
import { PacketType } from '../../../src/tds/packet.ts'
import type { IsolationLevel, Parameter } from '../session.ts'
import { type BulkLoad, parseBulkLoad } from './bulk-load.ts'
import { parseTypeInfo } from './type-info.ts'
import { parseValue } from './values.ts'

/** A client's request. */
export type EngineRequest =
  | { kind: 'batch'; sql: string }
  | { kind: 'statement'; sql: string; parameters: Parameter[] }
  | { kind: 'bulk'; load: BulkLoad }
  | { kind: 'begin'; isolation: IsolationLevel | undefined }
  | { kind: 'commit' }
  | { kind: 'rollback' | 'save'; name: string }
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

const SP_EXECUTESQL = 10
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
  if (id !== SP_EXECUTESQL && name !== 'sp_executesql') {
    return { kind: 'unsupported', what: `the procedure ${name ?? id} as a remote call` }
  }
  const parameters: Parameter[] = []
  while (reader.left > 0) parameters.push(parseParameter(reader))
  const [statement, , ...rest] = parameters
  if (typeof statement?.value !== 'string') throw new TdsProtocolError('sp_executesql was given no statement.')
  return { kind: 'statement', sql: statement.value, parameters: rest }
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
      return { kind: 'commit' }
    case TransactionRequest.ROLLBACK:
      return { kind: 'rollback', name: reader.bVarchar() }
    case TransactionRequest.SAVE:
      return { kind: 'save', name: reader.bVarchar() }
    default:
      return { kind: 'unsupported', what: `transaction manager request ${type}` }
  }
}
