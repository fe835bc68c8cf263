import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { packetsOf } from './packet.ts'

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
 * Sees to it that no record carries more than a packet may have. To be called once, when the packet size is agreed on:
 * OpenSSL takes less later, but not more (SSL_set_max_send_fragment lowers the split size too, and never lifts it).
 */
export function limitRecords(stream: Duplex, packetSize: number): void {
  if (hasRecords(stream)) stream.setMaxSendFragment(Math.min(Math.max(packetSize, MIN_RECORD), MAX_RECORD))
}

/**
 * Writes a message in packets of `packetSize` bytes at most, each in a TLS record of its own. A write is waited for
 * before the next: Node merges what is queued into one record. Resolves when all is written, or when the connection
 * has failed: that shows when the answer is read.
 */
export async function writeMessage(
  stream: Duplex,
  type: number,
  payload: Buffer,
  packetSize?: number,
  spid?: number,
): Promise<void> {
  const packets = packetsOf(type, payload, packetSize, spid)
  if (!hasRecords(stream)) {
    await written(stream, Buffer.concat([...packets]))
    return
  }
  for (const packet of packets) if (!(await written(stream, packet))) return
}

/** Whether the bytes could be written. */
function written(stream: Duplex, bytes: Buffer): Promise<boolean> {
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
