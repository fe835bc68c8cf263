import type { Duplex } from 'node:stream'
import { bVarchar, uint16, uint32, usVarchar } from '../../../src/tds/bytes.ts'
import { encodePacket, PACKET_HEADER_LENGTH, PacketStatus, PacketType } from '../../../src/tds/packet.ts'
import { DoneStatus, EnvChange, encodeDone, encodeError, encodeInfo } from '../../../src/tds/tokens.ts'
import { encodeBinaryChange, encodeTextChange } from '../../../src/testing/gateway/server-tokens.ts'
import type { Column, ResultItem, SqlType } from '../session.ts'
import { encodeTypeInfo } from './type-info.ts'
import { encodeValue } from './values.ts'

const COLMETADATA = 0x81
const ROW = 0xd1
const RETURNSTATUS = 0x79
const RETURNVALUE = 0xac
const DONE = 0xfd
const DONEPROC = 0xfe
const DONEINPROC = 0xff
const NULLABLE = 0x01

/** The answer to one request: results as tokens, in packets of the agreed size, as fast as the client reads them. */
export class Response {
  readonly #stream: Duplex
  readonly #packetSize: number
  readonly #spid: number
  readonly #procedure: boolean
  #buffered: Buffer[] = []
  #length = 0
  #packetId = 1
  #columns: Column[] = []
  #pendingDone: { status: number; count: bigint } | undefined
  #failed = false
  #handle: Extract<ResultItem, { kind: 'handle' }> | undefined

  /** @param procedure - whether it answers an RPC, whose statements end with DONEINPROC */
  constructor(stream: Duplex, packetSize: number, spid: number, procedure: boolean) {
    this.#stream = stream
    this.#packetSize = packetSize
    this.#spid = spid
    this.#procedure = procedure
  }

  async add(item: ResultItem): Promise<void> {
    switch (item.kind) {
      case 'columns':
        this.#columns = item.columns
        return this.#write(encodeColumns(item.columns))
      case 'row': {
        const values = item.values.map((value, i) => {
          const column = this.#columns[i]
          return column === undefined ? Buffer.alloc(0) : encodeValue(value, column.type)
        })
        return this.#write(Buffer.concat([Buffer.from([ROW]), ...values]))
      }
      case 'done':
        return this.#done(item.rowCount)
      case 'info':
        return this.#write(encodeInfo({ ...item, serverName: 'local-engine' }))
      case 'error':
        this.#failed = true
        return this.#write(encodeError({ ...item, serverName: 'local-engine' }))
      case 'transaction':
        return this.#write(encodeTransactionChange(item.change))
      case 'database':
        return this.#write(encodeTextChange(EnvChange.DATABASE, item.name))
      case 'handle':
        this.#handle = item
        return
    }
  }

  resetCompleted(): Promise<void> {
    return this.#write(encodeBinaryChange(EnvChange.RESET_COMPLETED, Buffer.alloc(0)))
  }

  /** Except for an RPC, the final DONE is the last statement's own, so each DONE is held back until the next item is known. */
  async #done(rowCount: number | undefined): Promise<void> {
    await this.#flushDone(DoneStatus.MORE)
    const status = (rowCount === undefined ? 0 : DoneStatus.COUNT) | (this.#failed ? DoneStatus.ERROR : 0)
    this.#failed = false
    this.#pendingDone = { status, count: BigInt(rowCount ?? 0) }
  }

  async #flushDone(more: number): Promise<void> {
    const done = this.#pendingDone
    if (done === undefined) return
    this.#pendingDone = undefined
    await this.#append(encodeDone(done.status | more, done.count, 0, this.#procedure ? DONEINPROC : DONE))
  }

  /** Ends the answer. @param attention - whether the client had asked for it to stop */
  async end(attention: boolean): Promise<void> {
    const error = this.#failed ? DoneStatus.ERROR : 0
    if (this.#procedure) {
      await this.#flushDone(DoneStatus.MORE)
      await this.#append(Buffer.concat([Buffer.from([RETURNSTATUS]), uint32(0)]))
      if (this.#handle !== undefined) await this.#append(encodeReturnValue(this.#handle))
      await this.#append(encodeDone(error, 0n, 0, DONEPROC))
    } else if (this.#pendingDone !== undefined && error === 0) await this.#flushDone(0)
    else {
      await this.#flushDone(DoneStatus.MORE)
      await this.#append(encodeDone(error))
    }
    await this.#send(PacketStatus.END_OF_MESSAGE)
    if (attention) this.acknowledgeAttention()
  }

  /** The answer to an attention is a message of its own (MS-TDS 2.2.1.7). */
  acknowledgeAttention(): void {
    const payload = encodeDone(DoneStatus.ATTENTION)
    const { TABULAR_RESULT: type } = PacketType
    this.#stream.write(encodePacket({ type, status: PacketStatus.END_OF_MESSAGE, payload, spid: this.#spid }))
  }

  async #write(bytes: Buffer): Promise<void> {
    await this.#flushDone(DoneStatus.MORE)
    await this.#append(bytes)
  }

  async #append(bytes: Buffer): Promise<void> {
    this.#buffered.push(bytes)
    this.#length += bytes.length
    const room = this.#packetSize - PACKET_HEADER_LENGTH
    if (this.#length > room) await this.#send(PacketStatus.NORMAL)
  }

  /** Sends full packets, and the rest when the message ends. */
  async #send(status: number): Promise<void> {
    const room = this.#packetSize - PACKET_HEADER_LENGTH
    const last = status === PacketStatus.END_OF_MESSAGE
    let rest: Buffer = Buffer.concat(this.#buffered)
    while (rest.length > room) {
      await this.#packet(PacketStatus.NORMAL, rest.subarray(0, room))
      rest = rest.subarray(room)
    }
    if (last) await this.#packet(PacketStatus.END_OF_MESSAGE, rest)
    this.#buffered = last ? [] : [rest]
    this.#length = last ? 0 : rest.length
  }

  /** Rejects if the client has disconnected. */
  #packet(status: number, payload: Buffer): Promise<void> {
    const packet = { type: PacketType.TABULAR_RESULT, status, payload, spid: this.#spid, id: this.#packetId++ }
    return new Promise((resolve, reject) => {
      // A client that reads as fast as this writes would keep its own attention, and other sessions, from being read.
      this.#stream.write(encodePacket(packet), (error) => (error ? reject(error) : setImmediate(resolve)))
    })
  }
}

function encodeColumns(columns: readonly Column[]): Buffer {
  const parts: Buffer[] = [Buffer.from([COLMETADATA]), uint16(columns.length)]
  for (const { name, type } of columns) {
    parts.push(uint32(0), uint16(NULLABLE), encodeTypeInfo(type))
    // TEXT, NTEXT and IMAGE name the table they come from (MS-TDS 2.2.7.4); clients make nothing of it.
    if (type.name === 'text' || type.name === 'ntext' || type.name === 'image') {
      parts.push(Buffer.from([1]), usVarchar(''))
    }
    parts.push(bVarchar(name))
  }
  return Buffer.concat(parts)
}

/** An output parameter of type int, the first of its procedure (MS-TDS 2.2.7.19). */
function encodeReturnValue({ name, handle }: Extract<ResultItem, { kind: 'handle' }>): Buffer {
  const OUTPUT = 0x01
  const type: SqlType = { name: 'int' }
  const userTypeAndFlags = Buffer.alloc(6)
  const head = [Buffer.from([RETURNVALUE]), uint16(0), bVarchar(name), Buffer.from([OUTPUT]), userTypeAndFlags]
  return Buffer.concat([...head, encodeTypeInfo(type), encodeValue(handle, type)])
}

const NO_TRANSACTION = Buffer.alloc(0)
const TRANSACTION = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])

function encodeTransactionChange(change: 'begin' | 'commit' | 'rollback'): Buffer {
  if (change === 'begin') return encodeBinaryChange(EnvChange.BEGIN_TRANSACTION, TRANSACTION, NO_TRANSACTION)
  const type = change === 'commit' ? EnvChange.COMMIT_TRANSACTION : EnvChange.ROLLBACK_TRANSACTION
  return encodeBinaryChange(type, NO_TRANSACTION, TRANSACTION)
}
