import { Duplex } from 'node:stream'
import { type ConnectionOptions, connect, TLSSocket, type TLSSocketOptions } from 'node:tls'
import { TdsProtocolError, TooLargeError } from './bytes.ts'
import { encodeMessage, PacketReader, PacketStatus, PacketType } from './packet.ts'

/** The name of TDS 8.0 in TLS (MS-TDS 3.2.5.2, ALPN). */
const TDS8_ALPN = 'tds/8.0'

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
 * @param scope - `login`: only the login is encrypted (ENCRYPT_OFF at both ends), so `release` will be called
 * @returns `messages`: how many the client made of its half; `release`: ends TLS once LOGIN7 was read, and gives the bare
 * connection
 */
export async function acceptTlsInTds(below: Duplex, options: TLSSocketOptions, scope: 'login' | 'session' = 'session') {
  const transport = new HandshakeTransport(below, { releasable: scope === 'login' })
  const handshake = secured(new TLSSocket(transport, { ...options, ...TDS7_TLS, isServer: true }), 'secure')
  const stream = await handshake.catch((error) => {
    // TLS only sees that its transport was closed.
    throw transport.errored ?? error
  })
  return {
    stream,
    messages: transport.messages,
    release(): Duplex {
      const bare = transport.release()
      stream.on('error', () => {})
      stream.destroy()
      return bare
    },
  }
}

/** Does the server's half of the handshake before any TDS (TDS 8.0). Rejects with TLS's own error. */
export function acceptTls(below: Duplex, options: TLSSocketOptions): Promise<TLSSocket> {
  return secured(new TLSSocket(below, { ...options, isServer: true, ALPNProtocols: [TDS8_ALPN] }), 'secure')
}

/**
 * Does the client's half of the handshake in PRELOGIN packets (TDS 7.x). Rejects with TLS's own error.
 *
 * @param options - may ask for an older version, but not for TLS 1.3, as the driver has it
 */
export async function connectTlsInTds(below: Duplex, options: ConnectionOptions): Promise<TLSSocket> {
  const transport = new HandshakeTransport(below)
  const minVersion = options.minVersion ?? TDS7_TLS.minVersion
  const maxVersion = options.maxVersion === 'TLSv1.3' ? undefined : options.maxVersion
  const versions = { minVersion, maxVersion: maxVersion ?? TDS7_TLS.maxVersion }
  const socket = await secured(connect({ ...options, ...versions, socket: transport }), 'secureConnect')
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
  readonly #records: TlsRecords | undefined
  readonly #detach: () => void
  /** How many messages have come whole. */
  messages = 0
  #wrapsOutgoing = true
  #handshakeBytes = 0
  #handshakePackets = 0
  #incoming: 'unknown' | 'packets' | 'bare' = 'unknown'
  #released = false

  /** @param options - `releasable`: whether {@link release} will be called */
  constructor(below: Duplex, options: { releasable?: boolean } = {}) {
    // TLS is destroyed with its transport, even with data that nobody has read yet. So this ends, but closes only with TLS.
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

  /** The handshake is over: what is written from now on goes out as it is. */
  stopWrapping(): void {
    this.#wrapsOutgoing = false
  }

  /**
   * Ends TLS and gives the connection below back, with what came behind the last record on it: where only the login is
   * encrypted, all else goes in the clear.
   *
   * @throws {@link TdsProtocolError} within a record
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
        throw new TdsProtocolError(`A packet of type 0x${packet.type.toString(16)} came during the TLS handshake.`)
      }
      if (packet.status & PacketStatus.END_OF_MESSAGE) this.messages++
      this.#handshakeBytes += packet.payload.length
      if (this.#handshakeBytes > MAX_HANDSHAKE || ++this.#handshakePackets > MAX_HANDSHAKE_PACKETS) {
        throw new TooLargeError(`A TLS handshake of more than ${MAX_HANDSHAKE} bytes came, or of too many packets.`)
      }
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
    if (this.#hasEnded) this.#below.pause()
  }

  /** Whether TLS has ended. What follows belongs to whoever gets the connection back, and waits until then. */
  get #hasEnded(): boolean {
    return this.#records !== undefined && this.#records.behind.length > 0
  }

  #pass(bytes: Buffer): void {
    if (!this.push(bytes)) this.#below.pause()
  }

  override _read(): void {
    if (!this.#released && !this.#hasEnded) this.#below.resume()
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

/** In bytes: type, version, length (RFC 8446, 5.1). */
const HEADER_LENGTH = 5

/** ContentType of RFC 8446, 5.1: change_cipher_spec, alert, handshake, application_data. No TDS packet has such a type. */
const isRecordType = (type: number | undefined) => type !== undefined && type >= 0x14 && type <= 0x17

/** Finds where TLS ends in a stream that continues without it. */
export class TlsRecords {
  /** A header that is not complete yet. */
  #header: Buffer = Buffer.alloc(0)
  /** The rest of the current record, in bytes. */
  #left = 0
  /** What came behind the last record. */
  behind: Buffer = Buffer.alloc(0)

  /** Whether the last record is complete. */
  get atBoundary(): boolean {
    return this.#left === 0 && this.#header.length === 0
  }

  /** Takes bytes as they come, cut anywhere, and gives those of TLS records. */
  take(chunk: Buffer): Buffer {
    const bytes = this.#header.length === 0 ? chunk : Buffer.concat([this.#header, chunk])
    this.#header = Buffer.alloc(0)
    let at = 0
    while (at < bytes.length && this.behind.length === 0) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length - at)
        this.#left -= taken
        at += taken
      } else if (!isRecordType(bytes[at])) break
      else if (bytes.length - at < HEADER_LENGTH) {
        this.#header = bytes.subarray(at)
        return bytes.subarray(0, at)
      } else this.#left = HEADER_LENGTH + bytes.readUInt16BE(at + 3)
    }
    if (at < bytes.length) this.behind = Buffer.concat([this.behind, bytes.subarray(at)])
    return bytes.subarray(0, at)
  }
}
