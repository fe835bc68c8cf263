import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TooLargeError } from '../../src/tds/bytes.ts'
import { readMessage } from '../../src/tds/messages.ts'
import { encodePacket, PacketStatus, PacketType } from '../../src/tds/packet.ts'
import { acceptTlsInTds } from '../../src/tds/tls.ts'
import { runs } from '../support/property-runs.ts'

/** Gives the same bytes over and over, as fast as they are taken, in chunks of a size. */
class Endless extends Duplex {
  given = 0
  readonly #bytes: Buffer
  readonly #chunk: number

  constructor(bytes: Buffer, chunk: number) {
    super({ highWaterMark: 1024 })
    // So many times that a chunk may begin anywhere in it.
    this.#bytes = Buffer.concat(Array(Math.ceil(chunk / bytes.length) + 1).fill(bytes))
    this.#chunk = chunk
    this.#period = bytes.length
  }

  readonly #period: number

  override _read(): void {
    const at = this.given % this.#period
    this.given += this.#chunk
    this.push(this.#bytes.subarray(at, at + this.#chunk))
  }

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done()
  }
}

const packets = (types: readonly number[]) =>
  fc
    .array(fc.tuple(fc.constantFrom(...types), fc.oneof(fc.constant(0), fc.nat(3_000))), { minLength: 1, maxLength: 8 })
    .map((list) =>
      Buffer.concat(
        list.map(([type, length]) =>
          encodePacket({ type, status: PacketStatus.NORMAL, payload: Buffer.alloc(length) }),
        ),
      ),
    )
const chunks = fc.integer({ min: 50, max: 5_000 })

describe('packets without end', () => {
  it('end a message soon after its limit, in bytes or in packets', async () => {
    await fc.assert(
      fc.asyncProperty(
        packets(Object.values(PacketType)),
        chunks,
        fc.integer({ min: 0, max: 100_000 }),
        async (bytes, chunk, limit) => {
          const stream = new Endless(bytes, chunk)
          await expect(readMessage(stream, limit)).rejects.toBeInstanceOf(TooLargeError)
          // At most 16 packets of no more than this, or one for each 256 bytes; and what was read ahead.
          const mostPackets = Math.max(16, Math.ceil(limit / 256))
          expect(stream.given).toBeLessThan(
            Math.max(limit, 0) + mostPackets * 8 + 3_000 + 2 * (chunk + 1024) + bytes.length,
          )
          stream.destroy()
        },
      ),
      runs(60),
    )
  })

  it('end a TLS handshake in packets', async () => {
    await fc.assert(
      fc.asyncProperty(packets([PacketType.PRELOGIN]), chunks, async (bytes, chunk) => {
        const stream = new Endless(bytes, chunk)
        await expect(acceptTlsInTds(stream, {})).rejects.toThrow()
        expect(stream.given).toBeLessThan(300_000)
        expect(stream.destroyed).toBe(true)
      }),
      runs(25),
    )
  })
})
