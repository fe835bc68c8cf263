import { Duplex } from 'node:stream'
import { type ConnectionOptions, connect, TLSSocket, type TLSSocketOptions } from 'node:tls'
import { encodeMessage, PacketReader, PacketType } from './packet.ts'
import { TdsProtocolError } from './protocol-error.ts'

/** What TDS 8.0 calls itself in TLS (MS-TDS 3.2.5.2, ALPN). */
export const TDS8_ALPN = 'tds/8.0'

/** The first byte of a TLS handshake record: a TDS 8 client begins with it, a TDS 7 client with a PRELOGIN packet. */
export const TLS_HANDSHAKE_RECORD = 0x16

/**
 * What TLS runs on in TDS 7.x: its handshake travels in PRELOGIN packets, all later records as they are (MS-TDS
 * 2.2.6.5). The end that speaks last in the handshake cannot know by itself when it is over, so a server goes over to
 * bare records when its client does.
 */
class HandshakeTransport extends Duplex {
  readonly #below: Duplex
  readonly #packets = new PacketReader()
  #wrapsOutgoing = true
  #incoming: 'unknown' | 'packets' | 'bare' = 'unknown'

  constructor(below: Duplex) {
    super({ allowHalfOpen: false })
    this.#below = below
    below.on('data', (chunk: Buffer) => this.#receive(chunk))
    below.once('end', () => this.push(null))
    below.once('error', (error) => this.destroy(error))
    below.once('close', () => this.destroy())
  }

  /** The handshake is over: what is written from now on goes out as it is. */
  stopWrapping(): void {
    this.#wrapsOutgoing = false
  }

  #receive(chunk: Buffer): void {
    try {
      const atBoundary = this.#incoming === 'unknown' || this.#packets.rest.length === 0
      if (this.#incoming !== 'bare' && atBoundary && chunk[0] !== PacketType.PRELOGIN) {
        this.#incoming = 'bare'
        this.stopWrapping()
      }
      if (this.#incoming === 'bare') this.#pass(chunk)
      else this.#unwrap(chunk)
    } catch (error) {
      this.destroy(error as Error)
    }
  }

  #unwrap(chunk: Buffer): void {
    this.#incoming = 'packets'
    for (const packet of this.#packets.push(chunk)) {
      if (packet.type !== PacketType.PRELOGIN) {
        throw new TdsProtocolError(`A packet of type 0x${packet.type.toString(16)} came amid the TLS handshake.`)
      }
      this.#pass(packet.payload)
      // Bare records may stand behind the last packet in one chunk; their first byte is no packet type.
      const { rest } = this.#packets
      if (rest.length > 0 && rest[0] !== PacketType.PRELOGIN) {
        this.#incoming = 'bare'
        this.stopWrapping()
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
    this.#below.write(this.#wrapsOutgoing ? encodeMessage(PacketType.PRELOGIN, chunk) : chunk, done)
  }

  override _final(done: () => void): void {
    this.#below.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#below.destroy()
    done(error)
  }
}

/** TLS 1.3 would send session tickets after the handshake, which no TDS 7 client expects in packets or out of them. */
const TDS7_TLS = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const

/** Does the server's half of the handshake in PRELOGIN packets (TDS 7.x). Rejects with TLS's own error. */
export function acceptTlsInTds(below: Duplex, options: TLSSocketOptions): Promise<TLSSocket> {
  return secured(new TLSSocket(new HandshakeTransport(below), { ...options, ...TDS7_TLS, isServer: true }), 'secure')
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
    const onClose = () => reject(new TdsProtocolError('The connection was closed amid the TLS handshake.'))
    socket.once('error', reject)
    socket.once('close', onClose)
    socket.once(event, () => {
      socket.removeListener('error', reject)
      socket.removeListener('close', onClose)
      resolve(socket)
    })
  })
}
