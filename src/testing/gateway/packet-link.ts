import { Duplex } from 'node:stream'
import type { TdsProtocolError } from '../../tds/bytes.ts'
import { DEFAULT_PACKET_SIZE, PACKET_HEADER_LENGTH, PacketReader, PacketStatus } from '../../tds/packet.ts'
import type { GatewayRule } from './rules.ts'

/**
 * Sits between TLS and TDS, and keeps one packet to one record: checks each record that arrives, and writes each packet
 * alone.
 *
 * Node gives each listener for `data` the plaintext of a record in its own chunk (test/testing/gateway
 * has a test of that), and nothing else tells where a record ended.
 */
export class PacketLink extends Duplex {
  /** What client and server have agreed on, in bytes. */
  packetSize = DEFAULT_PACKET_SIZE
  readonly #tls: Duplex
  readonly #rules: ReadonlySet<GatewayRule>
  readonly #hangUp: (rule: GatewayRule) => void
  readonly #incoming = new PacketReader()
  readonly #outgoing = new PacketReader()

  constructor(tls: Duplex, rules: ReadonlySet<GatewayRule>, hangUp: (rule: GatewayRule) => void) {
    super({ allowHalfOpen: false })
    this.#tls = tls
    this.#rules = rules
    this.#hangUp = hangUp
    tls.on('data', (record: Buffer) => this.#receive(record))
    tls.once('end', () => this.push(null))
    tls.once('error', (error) => this.destroy(error))
    tls.once('close', () => {
      if (!tls.readableEnded) this.destroy()
    })
  }

  #receive(record: Buffer): void {
    const broken = this.#brokenBy(record)
    if (broken !== undefined) this.#hangUp(broken)
    else if (!this.push(record)) this.#tls.pause()
  }

  #brokenBy(record: Buffer): GatewayRule | undefined {
    if (this.#rules.has('record-per-packet') && !isOnePacket(record)) return 'record-per-packet'
    try {
      for (const { status, payload } of this.#incoming.push(record)) {
        const size = PACKET_HEADER_LENGTH + payload.length
        const isLast = (status & PacketStatus.END_OF_MESSAGE) !== 0
        if (size > this.packetSize && this.#rules.has('packet-size')) return 'packet-size'
        if (size < this.packetSize && !isLast && this.#rules.has('full-packets')) return 'full-packets'
      }
    } catch (error) {
      this.destroy(error as TdsProtocolError)
    }
    return undefined
  }

  override _read(): void {
    this.#tls.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#writePackets(chunk).then(() => done(), done)
  }

  /** TLS makes one record of all that waits to be written: so nothing waits. */
  async #writePackets(chunk: Buffer): Promise<void> {
    for (const packet of this.#outgoing.cut(chunk)) {
      await new Promise<void>((resolve, reject) => {
        this.#tls.write(packet, (error) => (error ? reject(error) : resolve()))
      })
    }
  }

  /** Writes these bytes, and nothing after them: a packet that is cut off. */
  breakOff(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.#tls.write(bytes, () => resolve()))
  }

  override _final(done: () => void): void {
    this.#tls.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#tls.destroy()
    done(error)
  }
}

function isOnePacket(record: Buffer): boolean {
  return record.length >= PACKET_HEADER_LENGTH && record.readUInt16BE(2) === record.length
}

/** A connection whose bytes take a while in each direction, as they do on a network. */
export class DelayedLink extends Duplex {
  readonly #below: Duplex
  readonly #delay: number

  /** @param delay - for each direction, in ms */
  constructor(below: Duplex, delay: number) {
    super({ allowHalfOpen: false })
    this.#below = below
    this.#delay = delay
    below.on('data', (chunk: Buffer) => this.#later(() => this.#arrive(chunk)))
    below.once('end', () => this.#later(() => this.push(null)))
    below.once('error', (error) => this.destroy(error))
    below.once('close', () => this.#later(() => this.destroy()))
  }

  #arrive(chunk: Buffer): void {
    if (!this.destroyed && !this.push(chunk)) this.#below.pause()
  }

  override _read(): void {
    this.#below.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#later(() => this.#below.write(chunk))
    if (this.#below.writableNeedDrain) this.#below.once('drain', () => done())
    else done()
  }

  override _final(done: () => void): void {
    this.#later(() => this.#below.end(done))
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#below.destroy()
    done(error)
  }

  /** Timers of the same delay fire in the order in which they were set. */
  #later(action: () => void): void {
    setTimeout(() => {
      if (!this.#below.destroyed || this.#below.readableEnded) action()
    }, this.#delay).unref()
  }
}
