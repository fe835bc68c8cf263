import { on, once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { encodeFedAuthRequest, Feature, FedAuthLibrary } from '../../../src/tds/features.ts'
import { encodeLogin7, type Login7, MAX_LOGIN7_LENGTH } from '../../../src/tds/login7.ts'
import { readMessage } from '../../../src/tds/messages.ts'
import { encodeMessage, PACKET_HEADER_LENGTH, PacketStatus, PacketType } from '../../../src/tds/packet.ts'
import { connectTls, connectTlsInTds } from '../../../src/tds/tls.ts'
import type { Gateway } from '../../../src/testing/index.ts'
import { ordinaryLogin } from '../../support/login7.ts'

export interface RawClientOptions {
  /** TDS 8. @defaultValue false */
  strict?: boolean
  /** Without packet header. */
  prelogin?: Buffer
  /** Stands between TDS 7's TLS handshake and the socket. */
  transport?: (socket: Socket) => Duplex
  /** @defaultValue the gateway's */
  port?: number
  /** The name in the certificate. @defaultValue 'localhost' */
  host?: string
}

/** An option of PRELOGIN (MS-TDS 2.2.6.5). */
export type PreloginOption = readonly [number, Buffer]

export const version: PreloginOption = [0x00, Buffer.from([17, 0, 0, 0, 0, 0])]
export const encryption: PreloginOption = [0x01, Buffer.from([1])]
export const traceId = (length = 36): PreloginOption => [0x05, Buffer.alloc(length, 7)]
export const fedAuth = (value: number): PreloginOption => [0x06, Buffer.from([value])]

/** A PRELOGIN message without packet header, its options in this order. */
export function preloginOf(...options: PreloginOption[]): Buffer {
  const index = Buffer.alloc(options.length * 5 + 1, 0xff)
  let offset = index.length
  for (const [i, [token, data]] of options.entries()) {
    index.writeUInt8(token, i * 5)
    index.writeUInt16BE(offset, i * 5 + 1)
    index.writeUInt16BE(data.length, i * 5 + 3)
    offset += data.length
  }
  return Buffer.concat([index, ...options.map(([, data]) => data)])
}

/** One that breaks no rule of any kind of server. */
export const prelogin = preloginOf(version, encryption, traceId(), fedAuth(1))

/** A client that keeps no rule but those that its test keeps: each `send` is one TLS record. */
export class RawClient {
  readonly socket: Socket
  readonly #tls: TLSSocket

  private constructor(socket: Socket, tls: TLSSocket) {
    this.socket = socket
    this.#tls = tls
    tls.on('error', () => {})
  }

  /** TCP, PRELOGIN and TLS. */
  static async connect(gateway: Gateway, options: RawClientOptions = {}): Promise<RawClient> {
    const { host = 'localhost', strict = false, transport = (socket) => socket } = options
    const socket = connect(options.port ?? gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    const tlsOptions = { host, ca: gateway.ca, ...(isIP(host) === 0 && { servername: host }) }
    const hello = encodeMessage(PacketType.PRELOGIN, options.prelogin ?? prelogin)
    if (strict) {
      const client = new RawClient(socket, await connectTls(socket, tlsOptions))
      await client.send(hello)
      await client.answer()
      return client
    }
    socket.write(hello)
    await readMessage(socket, 4096)
    return new RawClient(socket, await connectTlsInTds(transport(socket), tlsOptions))
  }

  /** Writes bytes as one record, up to 16 KiB. */
  send(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.#tls.write(bytes, () => resolve()))
  }

  /** Writes a message as a server wants it: one packet a record. */
  async sendMessage(type: number, payload: Buffer, packetSize = 4096): Promise<void> {
    for (const packet of packets(encodeMessage(type, payload, packetSize))) await this.send(packet)
  }

  /** Logs in by a token, and gives the server's answer. */
  async logIn(token: string, overrides: Partial<Login7> = {}): Promise<Buffer> {
    await this.sendMessage(PacketType.LOGIN7, login7(token, overrides))
    return this.answer()
  }

  async answer(): Promise<Buffer> {
    return (await readMessage(this.#tls, MAX_LOGIN7_LENGTH)).payload
  }

  /** The records that an answer came in. */
  async records(): Promise<Buffer[]> {
    const records: Buffer[] = []
    for await (const [record] of on(this.#tls, 'data') as AsyncIterable<[Buffer]>) {
      records.push(record)
      if (record.readUInt8(1) & PacketStatus.END_OF_MESSAGE) break
    }
    this.#tls.pause()
    return records
  }

  /** All that still came before the connection ended. */
  async rest(): Promise<Buffer> {
    const chunks: Buffer[] = []
    this.#tls.on('data', (chunk: Buffer) => chunks.push(chunk))
    if (!this.socket.closed) await once(this.socket, 'close')
    return Buffer.concat(chunks)
  }

  close(): void {
    this.socket.destroy()
  }
}

/** Cuts a message where its packets end. */
export function packets(bytes: Buffer): Buffer[] {
  const cut: Buffer[] = []
  for (let at = 0; at + PACKET_HEADER_LENGTH <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 2)
    cut.push(bytes.subarray(at, at + length))
    at += length
  }
  return cut
}

/** A LOGIN7 message with a token, without packet headers. */
export function login7(token: string, overrides: Partial<Login7> = {}): Buffer {
  const data = encodeFedAuthRequest({ library: FedAuthLibrary.SECURITY_TOKEN, echo: true, token })
  return encodeLogin7(ordinaryLogin({ features: [{ id: Feature.FEDAUTH, data }], ...overrides }))
}
