import { TdsProtocolError } from './bytes.ts'

/** Packet types (MS-TDS 2.2.3.1.1). */
export const PacketType = {
  SQL_BATCH: 0x01,
  /** Before TDS 7. */
  LOGIN: 0x02,
  RPC: 0x03,
  TABULAR_RESULT: 0x04,
  ATTENTION: 0x06,
  BULK_LOAD: 0x07,
  FEDAUTH_TOKEN: 0x08,
  TRANSACTION_MANAGER: 0x0e,
  LOGIN7: 0x10,
  SSPI: 0x11,
  PRELOGIN: 0x12,
} as const
export type PacketType = (typeof PacketType)[keyof typeof PacketType]

/** Status bits (MS-TDS 2.2.3.1.2). */
export const PacketStatus = {
  NORMAL: 0x00,
  END_OF_MESSAGE: 0x01,
  IGNORE: 0x02,
  RESET_CONNECTION: 0x08,
  RESET_CONNECTION_SKIP_TRAN: 0x10,
} as const

/** In bytes. */
export const PACKET_HEADER_LENGTH = 8
/** The packet size before another was agreed, in bytes. */
export const DEFAULT_PACKET_SIZE = 4096

/** One packet, without its header. */
export interface Packet {
  type: number
  status: number
  /** The server's process id for the session; 0 from a client. */
  spid: number
  payload: Buffer
}

/** Puts a header before a payload. */
export function encodePacket(packet: Omit<Packet, 'spid'> & { spid?: number; id?: number }): Buffer {
  const length = PACKET_HEADER_LENGTH + packet.payload.length
  if (length > 0xffff) throw new TdsProtocolError(`A packet of ${length} bytes does not fit its 16-bit length.`)
  const header = Buffer.alloc(PACKET_HEADER_LENGTH)
  header.writeUInt8(packet.type, 0)
  header.writeUInt8(packet.status, 1)
  header.writeUInt16BE(length, 2)
  header.writeUInt16BE(packet.spid ?? 0, 4)
  header.writeUInt8((packet.id ?? 1) & 0xff, 6)
  return Buffer.concat([header, packet.payload])
}

/** A message as packets of `packetSize` bytes at most, headers included; the last one ends the message. */
export function* packetsOf(
  type: number,
  payload: Buffer,
  packetSize = DEFAULT_PACKET_SIZE,
  spid = 0,
): Generator<Buffer> {
  const room = packetSize - PACKET_HEADER_LENGTH
  for (let start = 0, id = 1; start === 0 || start < payload.length; start += room, id++) {
    const part = payload.subarray(start, start + room)
    const status = start + room >= payload.length ? PacketStatus.END_OF_MESSAGE : PacketStatus.NORMAL
    yield encodePacket({ type, status, payload: part, spid, id })
  }
}

/** The same in one piece, for streams without TLS records. */
export function encodeMessage(type: number, payload: Buffer, packetSize = DEFAULT_PACKET_SIZE, spid = 0): Buffer {
  return Buffer.concat([...packetsOf(type, payload, packetSize, spid)])
}

/** Cuts a stream of bytes into packets. */
export class PacketReader {
  #buffered: Buffer = Buffer.alloc(0)

  /** Bytes of a packet that is not complete yet. */
  get rest(): Buffer {
    return this.#buffered
  }

  /**
   * Takes bytes as they come, cut anywhere, and gives the packets that are complete.
   *
   * @throws {@link TdsProtocolError} for a length that no packet can have
   */
  *push(chunk: Buffer): Generator<Packet> {
    for (const packet of this.cut(chunk)) {
      yield {
        type: packet.readUInt8(0),
        status: packet.readUInt8(1),
        spid: packet.readUInt16BE(4),
        payload: packet.subarray(PACKET_HEADER_LENGTH),
      }
    }
  }

  /** The same, each packet as the bytes that it is, header included. */
  *cut(chunk: Buffer): Generator<Buffer> {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk])
    while (this.#buffered.length >= PACKET_HEADER_LENGTH) {
      const length = this.#buffered.readUInt16BE(2)
      if (length < PACKET_HEADER_LENGTH) throw new TdsProtocolError(`A packet says that it is ${length} bytes long.`)
      if (this.#buffered.length < length) return
      const packet = this.#buffered.subarray(0, length)
      this.#buffered = this.#buffered.subarray(length)
      yield packet
    }
  }
}
