import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { PacketReader, PacketStatus } from './packet.ts'
import { writeMessage } from './packet-writing.ts'
import { TdsProtocolError } from './protocol-error.ts'

/** A message: the payloads of its packets, one after the other. */
export interface Message {
  type: number
  payload: Buffer
  /** The server's process id for the session; 0 from a client. */
  spid: number
}

/** Reads and writes whole messages on a connection, as a login needs them. One reader at a time. */
export class MessageStream {
  readonly #stream: Duplex

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  /**
   * The next message. What comes behind it stays on the stream.
   *
   * @param limit - the longest payload to take, in bytes
   * @throws {@link TdsProtocolError} for bytes that are no packets, a message past the limit, or a connection that
   * ends before it
   */
  async read(limit: number): Promise<Message> {
    const packets = new PacketReader()
    const parts: Buffer[] = []
    let length = 0
    for (;;) {
      for (const { type, status, payload, spid } of packets.push(await this.#chunk())) {
        parts.push(payload)
        length += payload.length
        if (length > limit) throw new TdsProtocolError(`A message of more than ${limit} bytes came during the login.`)
        if (status & PacketStatus.END_OF_MESSAGE) {
          if (packets.rest.length > 0) this.#stream.unshift(packets.rest)
          return { type, payload: Buffer.concat(parts), spid }
        }
      }
      if (packets.rest.length > limit)
        throw new TdsProtocolError('A packet came that is longer than its message may be.')
    }
  }

  /** The type of the next message, which stays on the stream: what is no TDS shows by its first byte. */
  async nextType(): Promise<number | undefined> {
    const chunk = await this.#chunk()
    this.#stream.unshift(chunk)
    return chunk[0]
  }

  /** Writes a message. Never rejects: that the connection failed shows when its answer is read. */
  write(type: number, payload: Buffer, packetSize?: number): Promise<void> {
    return writeMessage(this.#stream, type, payload, packetSize)
  }

  async #chunk(): Promise<Buffer> {
    for (;;) {
      const chunk: Buffer | null = this.#stream.read()
      if (chunk !== null) return chunk
      if (this.#stream.readableEnded || this.#stream.destroyed) {
        throw this.#stream.errored ?? new TdsProtocolError('The connection was closed amid the login.')
      }
      const stop = new AbortController()
      const events = ['readable', 'end', 'close'].map((event) => once(this.#stream, event, { signal: stop.signal }))
      try {
        await Promise.race(events)
      } finally {
        stop.abort()
        await Promise.allSettled(events)
      }
    }
  }
}
