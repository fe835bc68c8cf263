import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { encodePacket, PACKET_HEADER_LENGTH, PacketReader, PacketStatus, PacketType } from '../../../src/tds/packet.ts'

/** A PRELOGIN packet of the server's handshake. */
export interface HandshakePacket {
  /** In bytes, header included. */
  length: number
  /** Whether it ends its message. */
  last: boolean
}

/**
 * Stands between a client's TLS handshake in PRELOGIN packets and its socket, and sends the second flight otherwise: as
 * one message of two `packets`, as two `messages`, or `bare`.
 */
export class Flights extends Duplex {
  /** What the server's handshake came in. */
  readonly received: HandshakePacket[] = []
  readonly #socket: Socket
  readonly #how: 'packets' | 'messages' | 'bare'
  readonly #packets = new PacketReader()
  #sent = 0
  #over = false

  constructor(socket: Socket, how: 'packets' | 'messages' | 'bare') {
    super()
    this.#socket = socket
    this.#how = how
    socket.on('data', (chunk: Buffer) => {
      this.#look(chunk)
      this.push(chunk)
    })
    socket.on('close', () => this.destroy())
  }

  #look(chunk: Buffer): void {
    if (this.#over || (this.#packets.rest.length === 0 && chunk[0] !== PacketType.PRELOGIN)) {
      this.#over = true
      return
    }
    for (const { status, payload } of this.#packets.push(chunk)) {
      const last = (status & PacketStatus.END_OF_MESSAGE) !== 0
      this.received.push({ length: PACKET_HEADER_LENGTH + payload.length, last })
    }
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (chunk[0] === PacketType.PRELOGIN) this.#sent++
    this.#socket.write(chunk[0] === PacketType.PRELOGIN && this.#sent === 2 ? this.#otherwise(chunk) : chunk, done)
  }

  #otherwise(packet: Buffer): Buffer {
    const payload = packet.subarray(PACKET_HEADER_LENGTH)
    if (this.#how === 'bare') return payload
    const status = this.#how === 'packets' ? PacketStatus.NORMAL : PacketStatus.END_OF_MESSAGE
    const half = Math.floor(payload.length / 2)
    return Buffer.concat([
      encodePacket({ type: PacketType.PRELOGIN, status, payload: payload.subarray(0, half) }),
      encodePacket({
        type: PacketType.PRELOGIN,
        status: PacketStatus.END_OF_MESSAGE,
        payload: payload.subarray(half),
      }),
    ])
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
