import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { TdsProtocolError, TooLargeError } from './bytes.ts'
import { encodeMessage, type Packet, PacketReader, PacketStatus, packetsOf } from './packet.ts'

/** The most plaintext that a TLS record carries, in bytes (RFC 8446, 5.1). */
const MAX_RECORD = 16_384

/** The least that `setMaxSendFragment` takes, in bytes; also the smallest packet size of SQL Server. */
const MIN_RECORD = 512

/**
 * Whether each packet must be written alone. SQL Server and Azure SQL hang up, without an error, on a packet that is
 * split over TLS records (SqlClient #2141, dotnet/runtime #95295) and on a record of more than the agreed packet size
 * (tedious #923). Without TLS there are no records, and bytes may go out as they come.
 */
export function hasRecords(stream: Duplex): stream is TLSSocket {
  return stream instanceof TLSSocket
}

/**
 * Makes sure that no record carries more than a packet may have. To be called once, when the packet size is agreed on:
 * OpenSSL takes less later, but not more (SSL_set_max_send_fragment lowers the split size too, and never lifts it).
 */
export function limitRecords(stream: Duplex, packetSize: number): void {
  if (hasRecords(stream)) stream.setMaxSendFragment(Math.min(Math.max(packetSize, MIN_RECORD), MAX_RECORD))
}

/**
 * Writes a message in packets of `packetSize` bytes at most, each in its own TLS record. Waits for a write before
 * the next: Node merges queued writes into one record. Resolves when all is written, or when the connection has failed,
 * which shows when the answer is read.
 */
export async function writeMessage(
  stream: Duplex,
  type: number,
  payload: Buffer,
  packetSize?: number,
  spid?: number,
): Promise<void> {
  if (!hasRecords(stream)) return void (await written(stream, encodeMessage(type, payload, packetSize, spid)))
  for (const packet of packetsOf(type, payload, packetSize, spid)) if (!(await written(stream, packet))) return
}

/** Whether the bytes could be written. */
export function written(stream: Duplex, bytes: Buffer): Promise<boolean> {
  if (!stream.writable) return Promise.resolve(false)
  return new Promise((resolve) => {
    const onClose = () => resolve(false)
    stream.once('close', onClose)
    stream.write(bytes, (error) => {
      stream.off('close', onClose)
      resolve(error == null)
    })
  })
}

/** Packets of a message: some senders fill none, but nobody makes them this small, in bytes. */
const SMALLEST_PACKET = 256

/** How many packets a short message may have. */
const FEW_PACKETS = 16

/** A message: the payloads of its packets, one after the other. */
export type Message = Omit<Packet, 'status'>

/**
 * The next message. What comes behind it stays on the stream, which may have one reader at a time.
 *
 * @param limit - the longest payload to take, in bytes
 * @throws {@link TooLargeError} for a message past the limit, or one of far more packets than it needs;
 * {@link TdsProtocolError} for bytes that are no packets, or a connection that ends before it
 */
export async function readMessage(stream: Duplex, limit: number): Promise<Message> {
  const packets = new PacketReader()
  const parts: Buffer[] = []
  const mostPackets = Math.max(FEW_PACKETS, Math.ceil(limit / SMALLEST_PACKET))
  let length = 0
  for (;;) {
    for (const { type, status, payload, spid } of packets.push(await nextChunk(stream))) {
      parts.push(payload)
      length += payload.length
      if (length > limit) throw new TooLargeError(`A message of more than ${limit} bytes came during the login.`)
      if (parts.length > mostPackets) throw new TooLargeError(`A message of more than ${mostPackets} packets came.`)
      if (status & PacketStatus.END_OF_MESSAGE) {
        if (packets.rest.length > 0) stream.unshift(packets.rest)
        return { type, payload: Buffer.concat(parts), spid }
      }
    }
    if (packets.rest.length > limit) throw new TooLargeError('A packet came that is longer than its message may be.')
  }
}

/** The type of the next message, which stays on the stream: what is no TDS shows by its first byte. */
export async function nextType(stream: Duplex): Promise<number | undefined> {
  const chunk = await nextChunk(stream)
  stream.unshift(chunk)
  return chunk[0]
}

async function nextChunk(stream: Duplex): Promise<Buffer> {
  for (;;) {
    const chunk: Buffer | null = stream.read()
    if (chunk !== null) return chunk
    if (stream.readableEnded || stream.destroyed) {
      throw stream.errored ?? new TdsProtocolError('The connection was closed during the login.')
    }
    const stop = new AbortController()
    const events = ['readable', 'end', 'close'].map((event) => once(stream, event, { signal: stop.signal }))
    try {
      await Promise.race(events)
    } finally {
      stop.abort()
      await Promise.allSettled(events)
    }
  }
}
