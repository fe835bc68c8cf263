import { Duplex } from 'node:stream'
import { type ConnectionOptions, connect, TLSSocket, type TLSSocketOptions } from 'node:tls'
import { TdsProtocolError, TooLargeError } from './bytes.ts'
import { encodeMessage, PacketReader, PacketStatus, PacketType } from './packet.ts'

/** What TDS 8.0 calls itself in TLS (MS-TDS 3.2.5.2, ALPN). */
export const TDS8_ALPN = 'tds/8.0'

/** The first byte of a TLS handshake record: a TDS 8 client begins with it, a TDS 7 client with a PRELOGIN packet. */
export const TLS_HANDSHAKE_RECORD = 0x16

/** TLS 1.3 would send session tickets after the handshake, which no TDS 7 client expects, in packets or outside. */
const TDS7_TLS = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const

/** The most bytes and packets that one end may send of a handshake in packets. Certificates are the most of it. */
const MAX_HANDSHAKE = 128 * 1024
const MAX_HANDSHAKE_PACKETS = 512

/**
 * Does the server's half of the handshake in PRELOGIN packets (TDS 7.x). Rejects with TLS's own error.
 *
 * @returns `messages`: how many the client made of its half
 */
export async function acceptTlsInTds(
  below: Duplex,
  options: TLSSocketOptions,
): Promise<{ stream: TLSSocket; messages: number }> {
  const transport = new HandshakeTransport(below)
  const handshake = secured(new TLSSocket(transport, { ...options, ...TDS7_TLS, isServer: true }), 'secure')
  const stream = await handshake.catch((error) => {
    // TLS only sees that its transport was closed.
    throw transport.errored ?? error
  })
  return { stream, messages: transport.messages }
}

/** Does the server's half of the handshake before any TDS (TDS 8.0). Rejects with TLS's own error. */
export function acceptTls(below: Duplex, options: TLSSocketOptions): Promise<TLSSocket> {
  return secured(new TLSSocket(below, { ...options, isServer: true, ALPNProtocols: [TDS8_ALPN] }), 'secure')
}

/** Does the client's half of the handshake in PRELOGIN packets (TDS 7.x). Rejects with TLS's own error. */
export async function connectTlsInTds(below: Duplex, options: ConnectionOptions): Promise<TLSSocket> {
  const transport = new HandshakeTransport(below)
  const socket = await secured(connect({ ...options, ...TDS7_TLS, socket: transport }), 'secureConnect')
  transport.stopWrapping()
  return socket
}

/** Does the client's half of the handshake before any TDS (TDS 8.0). Rejects with TLS's own error. */
export function connectTls(below: Duplex, options: ConnectionOptions): Promise<TLSSocket> {
  return secured(connect({ ...options, ALPNProtocols: [TDS8_ALPN], socket: below }), 'secureConnect')
}

function secured(socket: TLSSocket, event: 'secure' | 'secureConnect'): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const onClose = () => {
      reject(new TdsProtocolError('The connection was closed during the TLS handshake.'))
      // Unless TLS runs on a socket, an orderly end does not close it.
      socket.destroy()
    }
    // This listener stays: readers find a later error on the stream, but without a listener it ends the process.
    socket.on('error', reject)
    socket.once('end', onClose).once('close', onClose)
    socket.once(event, () => {
      socket.off('end', onClose).off('close', onClose)
      resolve(socket)
    })
  })
}

/**
 * What TLS runs on in TDS 7.x: its handshake travels in PRELOGIN packets, all later records as they are (MS-TDS
 * 2.2.6.5). The end that speaks last in the handshake cannot know by itself when it is over, so a server goes over to
 * bare records when its client does.
 */
export class HandshakeTransport extends Duplex {
  readonly #below: Duplex
  readonly #packets = new PacketReader()
  #wrapsOutgoing = true
  #messages = 0
  #handshakeBytes = 0
  #handshakePackets = 0
  #isBare = false

  constructor(below: Duplex) {
    // TLS goes with what it runs on, whatever it has not been asked for yet: so this ends, but closes only with TLS.
    super({ autoDestroy: false })
    this.#below = below
    below
      .on('data', (chunk: Buffer) => this.#receive(chunk))
      .on('end', () => this.push(null))
      .on('error', (error) => this.destroy(error))
      .on('close', () => {
        // A connection that ended in order closes while what came last on it may still wait here to be read.
        if (!below.readableEnded) this.destroy(new TdsProtocolError('The connection was closed beneath TLS.'))
      })
  }

  /** How many messages have come whole. */
  get messages(): number {
    return this.#messages
  }

  /** The handshake is over: what is written from now on goes out as it is. */
  stopWrapping(): void {
    this.#wrapsOutgoing = false
  }

  #receive(chunk: Buffer): void {
    try {
      if (this.#packets.rest.length === 0 && chunk[0] !== PacketType.PRELOGIN) this.#goBare()
      if (this.#isBare) this.#pass(chunk)
      else this.#unwrap(chunk)
    } catch (error) {
      this.destroy(error as Error)
    }
  }

  #goBare(): void {
    this.#isBare = true
    this.stopWrapping()
  }

  #unwrap(chunk: Buffer): void {
    for (const packet of this.#packets.push(chunk)) {
      if (packet.type !== PacketType.PRELOGIN) {
        throw new TdsProtocolError(`A packet of type 0x${packet.type.toString(16)} came during the TLS handshake.`)
      }
      if (packet.status & PacketStatus.END_OF_MESSAGE) this.#messages++
      this.#handshakeBytes += packet.payload.length
      if (this.#handshakeBytes > MAX_HANDSHAKE || ++this.#handshakePackets > MAX_HANDSHAKE_PACKETS) {
        throw new TooLargeError(`A TLS handshake of more than ${MAX_HANDSHAKE} bytes came, or of too many packets.`)
      }
      this.#pass(packet.payload)
      // Bare records may stand behind the last packet in one chunk; their first byte is no packet type.
      const { rest } = this.#packets
      if (rest.length > 0 && rest[0] !== PacketType.PRELOGIN) {
        this.#goBare()
        this.#pass(rest)
        return
      }
    }
  }

  #pass(bytes: Buffer): void {
    if (!this.push(bytes)) this.#below.pause()
  }

  override _read(): void {
    this.#below.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#below.readableEnded) done()
    else this.#below.write(this.#wrapsOutgoing ? encodeMessage(PacketType.PRELOGIN, chunk) : chunk, done)
  }

  /** A flight that TLS writes piece by piece is one message all the same: some servers and clients insist on it. */
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as BufferEncoding, done)
  }

  override _final(done: () => void): void {
    if (this.#below.readableEnded) done()
    else this.#below.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#below.destroy()
    done(error)
  }
}
