import type { Duplex } from 'node:stream'
import { encodeMessage, PacketReader, PacketStatus, PacketType } from '../src/tds/packet.ts'
import { DoneStatus, encodeDone } from '../src/tds/tokens.ts'
import type { ResultItem } from '../test/engine/session.ts'
import { Response } from '../test/engine/wire/response.ts'

/** The row that every query gets, whatever it asks for. */
const ROW: readonly ResultItem[] = [
  {
    kind: 'columns',
    columns: [
      { name: 'id', type: { name: 'int' } },
      { name: 'email', type: { name: 'nvarchar', length: 191 } },
      { name: 'name', type: { name: 'nvarchar', length: 1000 } },
      { name: 'active', type: { name: 'bit' } },
      { name: 'createdAt', type: { name: 'datetime2', scale: 7 } },
    ],
  },
  { kind: 'row', values: [1, 'ann@example.test', 'Ann', true, '2024-01-01 10:00:00.1230000'] },
  { kind: 'done', rowCount: 1 },
]

/** How a session is served. */
export interface Serving {
  /** How long each answer takes, in ms. */
  delay: number
  /** Called for each message of a client. @param payload - without the headers of its packets */
  onMessage?(type: number, payload: Buffer): void
}

/**
 * Serves a session after its login at the least cost that a server can have, so that the client's is what is measured:
 * a batch is answered by DONE, an RPC by one row.
 */
export async function serveCanned(stream: Duplex, serving: Serving): Promise<void> {
  const done = encodeMessage(PacketType.TABULAR_RESULT, encodeDone(DoneStatus.FINAL))
  const row = await encodeRow()
  const packets = new PacketReader()
  let payloads: Buffer[] = []
  stream.on('data', (chunk: Buffer) => {
    for (const { type, status, payload } of packets.push(chunk)) {
      if (serving.onMessage) payloads.push(payload)
      if ((status & PacketStatus.END_OF_MESSAGE) === 0) continue
      serving.onMessage?.(type, Buffer.concat(payloads))
      payloads = []
      const answer = type === PacketType.RPC ? row : done
      if (serving.delay === 0) stream.write(answer)
      else setTimeout(() => stream.write(answer), serving.delay)
    }
  })
  stream.on('error', () => {})
  stream.resume()
}

async function encodeRow(): Promise<Buffer> {
  const parts: Buffer[] = []
  const collect = {
    write(chunk: Buffer, written: () => void) {
      parts.push(chunk)
      written()
    },
  }
  const response = new Response(collect as unknown as Duplex, 4096, 0, true)
  for (const item of ROW) await response.add(item)
  await response.end(false)
  return Buffer.concat(parts)
}
