import type { TdsClient } from '../../test/support/tds-client.ts'
import type { Scratch } from './scratch.ts'
import { Skip, type StepRunner } from './steps.ts'
import type { Subject, Wire } from './subject.ts'

const KB = 1024

/** Sizes of a statement's text on the wire, in bytes: about one packet, two, and many. */
const SIZES = [KB, 4 * KB - 64, 4 * KB, 8 * KB, 64 * KB, KB * KB, 10 * KB * KB]

/** Packet sizes to ask the proxy for, in bytes; the last is more than any server grants under TLS. */
const PACKET_SIZES = [512, 8000, 16_383, 32_767]

const LOADED_ROWS = 2_000
const LOADED_LENGTH = 500

/** Writes texts of every size and reads them back, over every wire that works, and loads rows in bulk. */
export async function verifySizes(
  steps: StepRunner,
  subject: Subject,
  scratch: Scratch,
  wires: readonly Wire[],
): Promise<void> {
  for (const wire of wires) {
    await steps.run(`statements of 1 KB to 10 MB, adapter, ${wire}`, (signal) =>
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
    await steps.run(`statements of 1 KB to 10 MB, proxy, ${wire}`, (signal) =>
      subject.withProxy(wire, signal, async (open) => timed(SIZES, roundTrip(await open(), scratch))),
    )
  }
  const [wire] = wires
  if (wire === undefined) return
  await steps.run('packets of 512 to 32767 bytes asked for, proxy', (signal) =>
    subject.withProxy(wire, signal, async (open) => {
      const notes: string[] = []
      for (const packetSize of PACKET_SIZES) {
        const client = await open({ packetSize })
        notes.push(`${packetSize}: ${await timed([KB * KB], roundTrip(client, scratch))}`)
      }
      return notes.join('; ')
    }),
  )
  await steps.run('bulk load, proxy', (signal) =>
    subject.withProxy(wire, signal, async (open) => verifyBulkLoad(await open(), scratch)),
  )
}

/** Makes a round trip with a text of each size. @returns how long each took */
async function timed(sizes: readonly number[], trip: (text: string, id: number) => Promise<unknown>): Promise<string> {
  const notes: string[] = []
  for (const [index, size] of sizes.entries()) {
    const text = textOf(size)
    const startedAt = performance.now()
    const back = await trip(text, index + 1)
    if (back !== text) throw new Error(`A text of ${named(size)} came back changed.`)
    notes.push(`${named(size)} ${Math.round(performance.now() - startedAt)} ms`)
  }
  return notes.join(', ')
}

/** Without parameters, so that the statement is as large as the text. */
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
  if (Number(row?.[0]) !== LOADED_ROWS) throw new Error(`Of ${LOADED_ROWS} rows, ${row?.[0]} arrived.`)
  return `${LOADED_ROWS} rows, ${named(LOADED_ROWS * LOADED_LENGTH * 2)}`
}

/** A text of this many bytes on the wire; a lost or repeated piece changes it. */
function textOf(bytes: number): string {
  const length = bytes / 2
  const pieces: string[] = []
  for (let written = 0, n = 0; written < length; n++) {
    const piece = `${n.toString(36)} ß€ `
    pieces.push(piece)
    written += piece.length
  }
  // SQL Server ignores trailing spaces when it compares.
  return pieces
    .join('')
    .slice(0, length - 1)
    .concat('.')
}

function named(size: number): string {
  if (size >= KB * KB) return `${Math.round(size / KB / KB)} MB`
  return size % KB === 0 ? `${size / KB} KB` : `${size} B`
}
