import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { TdsProtocolError } from './bytes.ts'
import { type Login7, MAX_LOGIN7_LENGTH, parseLogin7 } from './login7.ts'
import { nextType, readMessage, writeMessage } from './messages.ts'
import { PacketType } from './packet.ts'
import { encodePrelogin, encryptionScope, type Prelogin, parsePrelogin } from './prelogin.ts'
import { acceptTls, acceptTlsInTds, TLS_HANDSHAKE_RECORD } from './tls.ts'

/** How a server does PRELOGIN and TLS with its clients. */
export interface ServerGreeting {
  /** As PEM. */
  key: string
  certificate: string
  /**
   * The answer to a client's PRELOGIN.
   *
   * @param raw - its message, without packet headers
   * @param strict - whether it came in TLS (TDS 8.0)
   */
  answer(client: Prelogin, raw: Buffer, strict: boolean): Prelogin | Promise<Prelogin>
  /** Called after PRELOGIN was answered, before TLS in its packets. */
  answered?(): Promise<void>
  /**
   * Called after the TLS handshake of an encrypted session. Returns the stream for TDS to run on instead of TLS itself.
   *
   * @param messages - how many PRELOGIN messages the client made of its half; undefined in TDS 8.0, which has none
   */
  secured?(tls: TLSSocket, messages: number | undefined): Duplex
}

/** A client after PRELOGIN and TLS. */
export interface GreetedClient {
  /** The stream that LOGIN7 comes on. */
  login: Duplex
  /** To call after LOGIN7 was read. Gives the stream of the session: bare if only the login is encrypted. */
  session(): Duplex
}

/** A client that begins with its login, as before PRELOGIN came with TDS 7.1. */
export class OldClientError extends TdsProtocolError {
  /** In the form of LOGIN7. */
  readonly tdsVersion: number

  constructor(tdsVersion: number) {
    super('A connection must begin with PRELOGIN.')
    this.tdsVersion = tdsVersion
  }
}

/** TDS 7.0, the first with LOGIN7, and 4.2, as LOGIN7 would name them. */
const TDS_7_0 = 0x70000000
const TDS_4_2 = 0x42000000

/** What a client may begin with, if not with TLS. */
const FIRST_MESSAGES: readonly (number | undefined)[] = [PacketType.PRELOGIN, PacketType.LOGIN7, PacketType.LOGIN]

/** A PRELOGIN message is a few dozen bytes. */
const MAX_PRELOGIN_LENGTH = 4096

/**
 * Does the server's half of PRELOGIN and TLS, in the order of TDS 7.x or TDS 8.0, by how the client begins.
 *
 * @throws {@link OldClientError}, another {@link TdsProtocolError}, or TLS's own error
 */
export async function greetClient(link: Duplex, greeting: ServerGreeting): Promise<GreetedClient> {
  const tls = { key: greeting.key, cert: greeting.certificate }
  const first = await nextType(link)
  const strict = first === TLS_HANDSHAKE_RECORD
  if (!strict && !FIRST_MESSAGES.includes(first)) throw new TdsProtocolError('What came is not TDS.')
  const secured = (socket: TLSSocket, messages?: number) => greeting.secured?.(socket, messages) ?? socket
  const stream = strict ? secured(await acceptTls(link, tls)) : link
  const { type, payload } = await readMessage(stream, MAX_PRELOGIN_LENGTH)
  if (type === PacketType.LOGIN7 && !strict) throw new OldClientError(TDS_7_0)
  if (type === PacketType.LOGIN && !strict) throw new OldClientError(TDS_4_2)
  if (type !== PacketType.PRELOGIN) throw new TdsProtocolError('A connection must begin with PRELOGIN.')
  const prelogin = parsePrelogin(payload)
  const answer = await greeting.answer(prelogin, payload, strict)
  writeMessage(stream, PacketType.TABULAR_RESULT, encodePrelogin(answer))
  await greeting.answered?.()
  const scope = strict ? 'none' : encryptionScope(prelogin.encryption, answer.encryption)
  if (scope === 'none') return { login: stream, session: () => stream }
  const inTds = await acceptTlsInTds(link, tls, scope)
  if (scope === 'login') return { login: inTds.stream, session: () => inTds.release() }
  const encrypted = secured(inTds.stream, inTds.messages)
  return { login: encrypted, session: () => encrypted }
}

/**
 * Reads a client's LOGIN7; undefined if another message came, or a LOGIN7 that cannot be read.
 *
 * @throws {@link TdsProtocolError} if no whole message came
 */
export async function readLogin7(stream: Duplex): Promise<Login7 | undefined> {
  const { type, payload } = await readMessage(stream, MAX_LOGIN7_LENGTH)
  if (type !== PacketType.LOGIN7) return undefined
  try {
    return parseLogin7(payload)
  } catch {
    return undefined
  }
}
