import { randomBytes } from 'node:crypto'
import { TdsProtocolError, uint32 } from './bytes.ts'

/** What one side says about encryption in PRELOGIN (MS-TDS 2.2.6.5). */
export const Encryption = {
  /** Only the login is encrypted. */
  OFF: 0x00,
  /** All of the session is encrypted. */
  ON: 0x01,
  /** This side cannot encrypt. */
  NOT_SUPPORTED: 0x02,
  /** All of the session must be encrypted. */
  REQUIRED: 0x03,
} as const

/**
 * Which part of a session is encrypted, given what client and server said; undefined if they cannot agree, and the client
 * must end the connection (MS-TDS 2.2.6.5).
 */
export function encryptionScope(client: number, server: number): 'none' | 'login' | 'session' | undefined {
  if (server === Encryption.ON || server === Encryption.REQUIRED) {
    return client === Encryption.NOT_SUPPORTED ? undefined : 'session'
  }
  if (server === Encryption.OFF) return client === Encryption.OFF ? 'login' : undefined
  return client === Encryption.OFF || client === Encryption.NOT_SUPPORTED ? 'none' : undefined
}

/** The options of a PRELOGIN message that matter to a login. */
export interface Prelogin {
  /** The sender's version: major, minor, build. */
  version: { major: number; minor: number; build: number }
  encryption: number
  /** The name of the instance that the client wants, without its final zero. */
  instance?: string
  threadId?: number
  mars?: boolean
  /** 36 bytes: see {@link traceId}. Servers do not answer it. */
  traceId?: Buffer
  /** Client: supports federated authentication. Server: expects it in LOGIN7. */
  fedAuthRequired?: boolean
}

/**
 * The bits of ENCRYPTION that tell what is encrypted. The others are flags: a client certificate (0x80), and
 * reserved ones.
 */
const ENCRYPTION_MASK = 0x3f

const Option = { VERSION: 0, ENCRYPTION: 1, INSTOPT: 2, THREADID: 3, MARS: 4, TRACEID: 5, FEDAUTHREQUIRED: 6 } as const
const TERMINATOR = 0xff

/**
 * A new TRACEID: the ids of connection and activity, and the activity's sequence number. The server's
 * traces show it. Fabric hangs up without it (go-mssqldb #230).
 */
export function traceId(): Buffer {
  return Buffer.concat([randomBytes(32), uint32(1)])
}

/** Encodes a PRELOGIN message, without its packet header. The options come in the order of their numbers. */
export function encodePrelogin(prelogin: Prelogin): Buffer {
  const { major, minor, build } = prelogin.version
  const options: [number, Buffer][] = [
    [Option.VERSION, Buffer.from([major, minor, build >> 8, build & 0xff, 0, 0])],
    [Option.ENCRYPTION, Buffer.from([prelogin.encryption])],
  ]
  if (prelogin.instance !== undefined) options.push([Option.INSTOPT, Buffer.from(`${prelogin.instance}\0`, 'latin1')])
  if (prelogin.threadId !== undefined) options.push([Option.THREADID, uint32(prelogin.threadId)])
  if (prelogin.mars !== undefined) options.push([Option.MARS, Buffer.from([Number(prelogin.mars)])])
  if (prelogin.traceId !== undefined) options.push([Option.TRACEID, prelogin.traceId])
  if (prelogin.fedAuthRequired !== undefined) {
    options.push([Option.FEDAUTHREQUIRED, Buffer.from([Number(prelogin.fedAuthRequired)])])
  }
  const index = Buffer.alloc(options.length * 5 + 1, TERMINATOR)
  let offset = index.length
  for (const [i, [token, data]] of options.entries()) {
    index.writeUInt8(token, i * 5)
    index.writeUInt16BE(offset, i * 5 + 1)
    index.writeUInt16BE(data.length, i * 5 + 3)
    offset += data.length
  }
  return Buffer.concat([index, ...options.map(([, data]) => data)])
}

/**
 * Reads a PRELOGIN message, without its packet header.
 *
 * @throws {@link TdsProtocolError}
 */
export function parsePrelogin(bytes: Buffer): Prelogin {
  const options = new Map<number, Buffer>()
  for (let at = 0; ; at += 5) {
    const token = bytes[at]
    if (token === undefined) throw new TdsProtocolError('PRELOGIN has no terminator.')
    if (token === TERMINATOR) break
    if (at + 5 > bytes.length) throw new TdsProtocolError('PRELOGIN ends within its options.')
    const offset = bytes.readUInt16BE(at + 1)
    const length = bytes.readUInt16BE(at + 3)
    if (offset + length > bytes.length) throw new TdsProtocolError(`PRELOGIN option ${token} lies past its end.`)
    options.set(token, bytes.subarray(offset, offset + length))
  }
  const version = options.get(Option.VERSION)
  if (version === undefined || version.length < 4) throw new TdsProtocolError('PRELOGIN names no version.')
  const instance = options.get(Option.INSTOPT)
  const threadId = options.get(Option.THREADID)
  const mars = options.get(Option.MARS)?.[0]
  const trace = options.get(Option.TRACEID)
  const fedAuth = options.get(Option.FEDAUTHREQUIRED)?.[0]
  return {
    version: { major: version.readUInt8(0), minor: version.readUInt8(1), build: version.readUInt16BE(2) },
    encryption: (options.get(Option.ENCRYPTION)?.[0] ?? Encryption.NOT_SUPPORTED) & ENCRYPTION_MASK,
    ...(instance && { instance: instance.toString('latin1').replace(/\0.*$/s, '') }),
    ...(threadId?.length === 4 && { threadId: threadId.readUInt32LE(0) }),
    ...(mars !== undefined && { mars: mars === 1 }),
    ...(trace !== undefined && { traceId: trace }),
    ...(fedAuth !== undefined && { fedAuthRequired: fedAuth === 1 }),
  }
}
