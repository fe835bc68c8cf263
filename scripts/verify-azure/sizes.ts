import type { TdsClient } from '../../test/support/tds-client.ts'
import type { Scratch } from './scratch.ts'
import type { Subject, Wire } from './subject.ts'
import { Skip, type Verification } from './verification.ts'

const KB = 1024

/** Of the text of a statement on the wire, in bytes: around one packet and two, and many. */
const SIZES = [KB, 4 * KB - 64, 4 * KB, 8 * KB, 64 * KB, KB * KB, 10 * KB * KB]

/** Packet sizes that a client asks the proxy for, in bytes; the last is more than any server gives under TLS. */
const PACKET_SIZES = [512, 8000, 16_383, 32_767]

const LOADED_ROWS = 2_000
const LOADED_LENGTH = 500

/** Sends statements of every size and reads them back, over every wire that works, and loads rows in bulk. */
export async function verifySizes(
  verification: Verification,
  subject: Subject,
  scratch: Scratch,
  wires: readonly Wire[],
): Promise<void> {
  for (const wire of wires) {
    await verification.step(`statements of 1 KB to 10 MB, adapter, ${wire}`, (signal) =>
      subject.withPrisma(wire, signal, (prisma) =>
        timed(SIZES, async (text, id) => {
          await prisma.$executeRawUnsafe(`INSERT INTO ${scratch.texts} ([id], [text]) VALUES (@P1, @P2)`, id, text)
          const rows = await prisma.$queryRawUnsafe<{ text: string }[]>(
            `SELECT [text] FROM ${scratch.texts} WHERE [id] = @P1`,
            id,
          )
          await prisma.$executeRawUnsafe(`DELETE FROM ${scratch.texts} WHERE [id] = @P1`, id)
          return rows[0]?.text
        }),
      ),
    )
    await verification.step(`statements of 1 KB to 10 MB, proxy, ${wire}`, (signal) =>
      subject.withProxy(wire, signal, async (open) => timed(SIZES, roundTrip(await open(), scratch))),
    )
  }
  const [wire] = wires
  if (wire === undefined) return
  await verification.step('packets of 512 to 32767 bytes asked for, proxy', (signal) =>
    subject.withProxy(wire, signal, async (open) => {
      const notes: string[] = []
      for (const packetSize of PACKET_SIZES) {
        const client = await open({ packetSize })
        notes.push(`${packetSize}: ${await timed([KB * KB], roundTrip(client, scratch))}`)
      }
      return notes.join('; ')
    }),
  )
  await verification.step('bulk load, proxy', (signal) =>
    subject.withProxy(wire, signal, async (open) => verifyBulkLoad(await open(), scratch)),
  )
}

/** Makes each round trip with a text of so many bytes; how long each took. */
async function timed(sizes: readonly number[], trip: (text: string, id: number) => Promise<unknown>): Promise<string> {
  const notes: string[] = []
  for (const [index, size] of sizes.entries()) {
    const text = textOf(size)
    const startedAt = performance.now()
    const back = await trip(text, index + 1)
    if (back !== text) throw new Error(`A text of ${named(size)} did not come back as it went.`)
    notes.push(`${named(size)} ${Math.round(performance.now() - startedAt)} ms`)
  }
  return notes.join(', ')
}

/** Without parameters: the whole statement is as large as the text. */
function roundTrip(client: TdsClient, { texts }: Scratch) {
  return async (text: string, id: number) => {
    await client.run(`INSERT INTO ${texts} ([id], [text]) VALUES (${id}, N'${text}')`)
    const [row] = await client.run(`SELECT [text] FROM ${texts} WHERE [id] = ${id}`)
    await client.run(`DELETE FROM ${texts} WHERE [id] = ${id}`)
    return row?.[0]
  }
}

async function verifyBulkLoad(client: TdsClient, { loaded }: Scratch): Promise<string> {
  const text = textOf(LOADED_LENGTH * 2)
  const rows = Array.from({ length: LOADED_ROWS }, (_, id) => [id, text])
  try {
    await client.load(loaded, ['id', 'text'], rows)
  } catch (error) {
    if (/does not support/.test((error as Error).message)) throw new Skip((error as Error).message)
    throw error
  }
  const [row] = await client.run(`SELECT COUNT(*) AS [rows] FROM ${loaded} WHERE LEN([text]) = ${LOADED_LENGTH}`)
  if (Number(row?.[0]) !== LOADED_ROWS) throw new Error(`Of ${LOADED_ROWS} rows, ${row?.[0]} came whole.`)
  return `${LOADED_ROWS} rows, ${named(LOADED_ROWS * LOADED_LENGTH * 2)}`
}

/** A text of so many bytes on the wire, in which a piece that is lost or doubled shows. */
function textOf(bytes: number): string {
  const length = bytes / 2
  const pieces: string[] = []
  for (let written = 0, n = 0; written < length; n++) {
    const piece = `${n.toString(36)} ß€ `
    pieces.push(piece)
    written += piece.length
  }
  // Trailing spaces would count for nothing in a comparison of SQL Server's.
  return pieces
    .join('')
    .slice(0, length - 1)
    .concat('.')
}

function named(size: number): string {
  if (size >= KB * KB) return `${Math.round(size / KB / KB)} MB`
  return size % KB === 0 ? `${size / KB} KB` : `${size} B`
}
