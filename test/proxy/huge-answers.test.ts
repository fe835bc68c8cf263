import type { Duplex } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { encodePacket, PacketReader, PacketStatus, PacketType } from '../../src/tds/packet.ts'
import { Encryption } from '../../src/tds/prelogin.ts'
import { DoneStatus, encodeDone } from '../../src/tds/tokens.ts'
import { startEntraServer } from './entra-server.ts'
import { bytesOf, type SessionOptions, useStrictGateway } from './strict-gateway.ts'

const azure = useStrictGateway()

/** The payload of a packet of 4096 bytes. */
const ROOM = 4088
const ROW = bytesOf(ROOM)
const TEN_MB = 10 * 2 ** 20

/** A server that answers each batch with so many full packets, each with its number; ATTENTION ends that. */
class RowServer {
  readonly #count: number
  readonly heard: number[] = []
  sent = 0

  constructor(count: number) {
    this.#count = count
  }

  serve = async (stream: Duplex): Promise<void> => {
    const packets = new PacketReader()
    for await (const chunk of stream) {
      for (const { type, status } of packets.push(chunk as Buffer)) {
        if (!(status & PacketStatus.END_OF_MESSAGE)) continue
        this.heard.push(type)
        if (type === PacketType.SQL_BATCH) void this.#answer(stream)
      }
    }
  }

  async #answer(stream: Duplex): Promise<void> {
    const send = (status: number, payload: Buffer) =>
      new Promise((resolve) =>
        stream.write(encodePacket({ type: PacketType.TABULAR_RESULT, status, payload }), resolve),
      )
    const isCancelled = () => this.heard.includes(PacketType.ATTENTION)
    while (this.sent < this.#count && !isCancelled() && !stream.destroyed) {
      const payload = Buffer.from(ROW)
      payload.writeUInt32BE(this.sent++)
      await send(PacketStatus.NORMAL, payload)
    }
    await send(PacketStatus.END_OF_MESSAGE, encodeDone(isCancelled() ? DoneStatus.ATTENTION : DoneStatus.FINAL))
  }
}

/** A session through the proxy on a strict gateway, with that server behind it. */
async function open(rows: RowServer, way: SessionOptions) {
  const server = azure.keep(await startEntraServer({ encryption: Encryption.NOT_SUPPORTED, serve: rows.serve }))
  const upstream = { host: '127.0.0.1', port: server.port, user: 'sa', password: 'geheim', encrypt: false }
  const gateway = await azure.start({ upstream })
  const { client } = await azure.session(gateway, way)
  const send = (type: number, payload: Buffer) =>
    client.stream.write(encodePacket({ type, status: PacketStatus.END_OF_MESSAGE, payload }))
  return { gateway, stream: client.stream, send }
}

/** What comes until a message ends: the number of each packet, the last one's payload, and records of another length. */
function answerOn(stream: Duplex) {
  const numbers: number[] = []
  const split: number[] = []
  const packets = new PacketReader()
  return new Promise<{ numbers: number[]; split: number[]; last: Buffer }>((resolve, reject) => {
    stream.once('close', () => reject(new Error('The connection was closed during the answer.')))
    stream.on('data', (record: Buffer) => {
      if (record.readUInt16BE(2) !== record.length) split.push(record.length)
      for (const { status, payload } of packets.push(record)) {
        if (status & PacketStatus.END_OF_MESSAGE) resolve({ numbers, split, last: payload })
        else numbers.push(payload.readUInt32BE(0))
      }
    })
  })
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

describe.each<SessionOptions>([
  { server: true, client: true },
  { server: 'strict', client: 'strict' },
])('through the proxy (client: $client, server: $server)', (way) => {
  it('an answer of 10 MB arrives whole and in order, one packet per record', async () => {
    const count = Math.ceil(TEN_MB / ROOM)
    const { gateway, stream, send } = await open(new RowServer(count), way)
    send(PacketType.SQL_BATCH, bytesOf(100))
    const { numbers, split, last } = await answerOn(stream)
    expect(numbers).toEqual(upTo(count))
    expect(last).toEqual(encodeDone(DoneStatus.FINAL))
    expect(split).toEqual([])
    expect(gateway.stats().hungUp).toEqual({})
  })

  it('ATTENTION arrives during an unread answer, and nothing of the answer is lost', async () => {
    const rows = new RowServer(Number.POSITIVE_INFINITY)
    const { gateway, stream, send } = await open(rows, way)
    stream.pause()
    send(PacketType.SQL_BATCH, ROW)
    await vi.waitFor(() => expect(rows.sent).toBeGreaterThan(100), 60_000)
    send(PacketType.ATTENTION, Buffer.alloc(0))
    await vi.waitFor(() => expect(rows.heard).toEqual([PacketType.SQL_BATCH, PacketType.ATTENTION]), 60_000)
    const { numbers, split, last } = await answerOn(stream.resume())
    expect(numbers).toEqual(upTo(rows.sent))
    expect(last).toEqual(encodeDone(DoneStatus.ATTENTION))
    expect(split).toEqual([])
    expect(gateway.stats().hungUp).toEqual({})
  })
})
