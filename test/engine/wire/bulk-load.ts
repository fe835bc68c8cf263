import { ByteReader, TdsProtocolError } from '../../../src/tds/bytes.ts'
import type { EngineSession, Parameter, ResultItem, SqlValue } from '../session.ts'
import { type ParameterType, parseTypeInfo } from './type-info.ts'
import { parseValue } from './values.ts'

/** What a bulk load message holds (BulkLoadBCP, MS-TDS 2.2.6.1). */
export interface BulkLoad {
  columns: string[]
  rows: Omit<Parameter, 'name'>[][]
}

const COLMETADATA = 0x81
const ROW = 0xd1
const DONE = 0xfd

/** Slightly fewer parameters than SQL Server allows in a statement. */
const PARAMETERS_AT_ONCE = 2_000

/** The target of an `INSERT BULK`; undefined for any other statement. */
export function bulkTargetOf(sql: string): string | undefined {
  return /^\s*INSERT\s+BULK\s+(?<table>[^(]+?)\s*\(/i.exec(sql)?.groups?.table
}

/** @throws {@link TdsProtocolError} */
export function parseBulkLoad(payload: Buffer): BulkLoad {
  const reader = new ByteReader(payload, 'a bulk load')
  if (reader.uint8() !== COLMETADATA) throw new TdsProtocolError('A bulk load must begin with COLMETADATA.')
  const described = Array.from({ length: reader.uint16() }, () => parseColumn(reader))
  const rows: BulkLoad['rows'] = []
  // FreeTDS ends without DONE.
  while (reader.left > 0) {
    const token = reader.uint8()
    if (token === DONE) break
    if (token !== ROW) throw new TdsProtocolError(`A bulk load has a token of type 0x${token.toString(16)}.`)
    rows.push(described.map(({ info }) => ({ type: info.type, value: parseValue(reader, info) })))
  }
  return { columns: described.map(({ name }) => name), rows }
}

function parseColumn(reader: ByteReader): { name: string; info: ParameterType } {
  // User type and flags.
  reader.bytes(6)
  const info = parseTypeInfo(reader)
  if (info.type.name === 'text' || info.type.name === 'ntext' || info.type.name === 'image') {
    throw new TdsProtocolError(`The local engine takes no ${info.type.name} in a bulk load.`)
  }
  return { name: reader.bVarchar(), info }
}

/** Inserts the rows and reports their total count at the end, as SQL Server does. */
export async function* load(
  session: EngineSession,
  table: string,
  { columns, rows }: BulkLoad,
): AsyncGenerator<ResultItem> {
  const names = columns.map((name) => `[${name.replaceAll(']', ']]')}]`).join(', ')
  const atOnce = Math.max(1, Math.floor(PARAMETERS_AT_ONCE / columns.length))
  let rowCount = 0
  for (let start = 0; start < rows.length; start += atOnce) {
    const parameters: Parameter[] = []
    const tuples = rows.slice(start, start + atOnce).map((row) => {
      const markers = row.map(({ type, value }: { type: Parameter['type']; value: SqlValue }) => {
        const name = `@b${parameters.length}`
        parameters.push({ name, type, value })
        return name
      })
      return `(${markers.join(', ')})`
    })
    for await (const item of session.execute(
      `INSERT INTO ${table} (${names}) VALUES ${tuples.join(', ')}`,
      parameters,
    )) {
      if (item.kind === 'done') rowCount += item.rowCount ?? 0
      else yield item
      if (item.kind === 'error') return
    }
  }
  yield { kind: 'done', rowCount }
}
