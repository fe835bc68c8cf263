import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Target } from '../src/login/target.ts'
import { hasRecords } from '../src/tds/messages.ts'
import { encodePacket, PacketReader, PacketStatus, PacketType } from '../src/tds/packet.ts'

/** How a process of the benchmark is reached. */
export interface Ends {
  port: number
  ca: string
  user: string
  password: string
}

/** The server of the benchmark, as a proxy's target. */
export function targetFor({ port, ca }: Ends): Target {
  const tls = { ca }
  return { host: 'localhost', port, tls, encrypt: true, trustServerCertificate: false, connectTimeout: 15_000 }
}

/** What a client asks of the server at the beginning of a session, as JSON in a packet. */
export interface Order {
  direction: 'up' | 'down' | 'echo'
  bytes: number
}

/** One packet of a long message, of the size that everybody begins with. */
const PACKET = packetOf(Buffer.alloc(4088, 7), PacketStatus.NORMAL)
const PACKETS_AT_ONCE = 16
const CHUNK = Buffer.concat(Array<Buffer>(PACKETS_AT_ONCE).fill(PACKET))

export function packetOf(payload: Buffer, status: number = PacketStatus.END_OF_MESSAGE): Buffer {
  return encodePacket({ type: PacketType.BULK_LOAD, status, payload })
}

/** Sends at least so many bytes: where TLS is on the way one packet a record, as drivers do, and else many at once. */
export async function send(stream: Duplex, bytes: number): Promise<void> {
  if (hasRecords(stream)) {
    for (let left = bytes; left > 0; left -= PACKET.length) {
      await new Promise((resolve) => stream.write(PACKET, resolve))
    }
    return
  }
  for (let left = bytes; left > 0; left -= CHUNK.length) {
    if (!stream.write(CHUNK)) await once(stream, 'drain')
  }
}

/** Reads so many bytes, and throws them away. */
export function receive(stream: Duplex, bytes: number): Promise<void> {
  let left = bytes
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      left -= chunk.length
      if (left > 0) return
      stream.off('data', onData).off('close', reject)
      stream.pause()
      resolve()
    }
    stream.on('data', onData).on('close', reject)
    stream.resume()
  })
}

/** Reads the order; what comes behind it stays on the stream. */
export async function receiveOrder(stream: Duplex): Promise<Order> {
  const packets = new PacketReader()
  for (;;) {
    const chunk = await new Promise<Buffer>((resolve) => {
      stream.once('data', (data: Buffer) => {
        stream.pause()
        resolve(data)
      })
      stream.resume()
    })
    for (const { payload } of packets.push(chunk)) {
      if (packets.rest.length > 0) stream.unshift(packets.rest)
      return JSON.parse(payload.toString())
    }
  }
}
