import { Duplex } from 'node:stream'
import { encodeMessage, PacketReader, PacketStatus, PacketType } from './packet.ts'
import { TdsProtocolError } from './protocol-error.ts'
import { TlsRecords } from './tls-records.ts'

/**
 * What TLS runs on in TDS 7.x: its handshake travels in PRELOGIN packets, all later records as they are (MS-TDS
 * 2.2.6.5). The end that speaks last in the handshake cannot know by itself when it is over, so a server goes over to
 * bare records when its client does.
 */
export class HandshakeTransport extends Duplex {
  readonly #below: Duplex
  readonly #packets = new PacketReader()
  readonly #records: TlsRecords | undefined
  readonly #detach: () => void
  #wrapsOutgoing = true
  #messages = 0
  #incoming: 'unknown' | 'packets' | 'bare' = 'unknown'
  #released = false

  /** @param options - `releasable`: whether {@link release} will be called */
  constructor(below: Duplex, options: { releasable?: boolean } = {}) {
    // TLS goes with what it runs on, whatever it has not been asked for yet: so this ends, but closes only with TLS.
    super({ autoDestroy: false })
    this.#below = below
    if (options.releasable) this.#records = new TlsRecords()
    const receive = (chunk: Buffer) => this.#receive(chunk)
    const end = () => this.push(null)
    const fail = (error: Error) => this.destroy(error)
    const close = () => {
      // A connection that ended in order closes while what came last on it may still wait here to be read.
      if (!below.readableEnded) this.destroy(new TdsProtocolError('The connection was closed beneath TLS.'))
    }
    below.on('data', receive).on('end', end).on('error', fail).on('close', close)
    this.#detach = () => {
      below.off('data', receive).off('end', end).off('error', fail).off('close', close)
    }
  }

  /** How many messages have come whole. */
  get messages(): number {
    return this.#messages
  }

  /** The handshake is over: what is written from now on goes out as it is. */
  stopWrapping(): void {
    this.#wrapsOutgoing = false
  }

  /**
   * Ends TLS and gives the connection below back, with what came behind the last record on it: where only the login is
   * encrypted, all else goes in the clear.
   *
   * @throws {@link TdsProtocolError} amid a record
   */
  release(): Duplex {
    const below = this.#below
    if (this.#records?.atBoundary !== true) throw new TdsProtocolError('TLS cannot end within one of its records.')
    this.#released = true
    this.#detach()
    below.pause()
    if (this.#records.behind.length > 0) below.unshift(this.#records.behind)
    return below
  }

  #receive(chunk: Buffer): void {
    try {
      const atBoundary = this.#incoming === 'unknown' || this.#packets.rest.length === 0
      if (this.#incoming !== 'bare' && atBoundary && chunk[0] !== PacketType.PRELOGIN) this.#goBare()
      if (this.#incoming === 'bare') this.#passBare(chunk)
      else this.#unwrap(chunk)
    } catch (error) {
      this.destroy(error as Error)
    }
  }

  #goBare(): void {
    this.#incoming = 'bare'
    this.stopWrapping()
  }

  #unwrap(chunk: Buffer): void {
    this.#incoming = 'packets'
    for (const packet of this.#packets.push(chunk)) {
      if (packet.type !== PacketType.PRELOGIN) {
        throw new TdsProtocolError(`A packet of type 0x${packet.type.toString(16)} came amid the TLS handshake.`)
      }
      if (packet.status & PacketStatus.END_OF_MESSAGE) this.#messages++
      this.#pass(packet.payload)
      // Bare records may stand behind the last packet in one chunk; their first byte is no packet type.
      const { rest } = this.#packets
      if (rest.length > 0 && rest[0] !== PacketType.PRELOGIN) {
        this.#goBare()
        this.#passBare(rest)
        return
      }
    }
  }

  #passBare(chunk: Buffer): void {
    const records = this.#records === undefined ? chunk : this.#records.take(chunk)
    if (records.length > 0) this.#pass(records)
  }

  #pass(bytes: Buffer): void {
    if (!this.push(bytes)) this.#below.pause()
  }

  override _read(): void {
    if (!this.#released) this.#below.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#released || this.#below.readableEnded) done()
    else this.#below.write(this.#wrapsOutgoing ? encodeMessage(PacketType.PRELOGIN, chunk) : chunk, done)
  }

  /** A flight that TLS writes piece by piece is one message all the same: some servers and clients insist on it. */
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as BufferEncoding, done)
  }

  override _final(done: () => void): void {
    if (this.#released || this.#below.readableEnded) done()
    else this.#below.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#released) this.#below.destroy()
    done(error)
  }
}
