import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { TdsProtocolError } from './bytes.ts'
import { type Login7, MAX_LOGIN7_LENGTH, parseLogin7 } from './login7.ts'
import { MessageStream } from './messages.ts'
import { PacketType } from './packet.ts'
import { encodePrelogin, encryptionScope, type Prelogin, parsePrelogin } from './prelogin.ts'
import { acceptTls, acceptTlsForLogin, acceptTlsInTds, TLS_HANDSHAKE_RECORD } from './tls.ts'

/** How a server meets its clients. */
export interface ServerGreeting {
  /** As PEM. */
  key: string
  certificate: string
  /** The answer to a client's PRELOGIN, which is given as it is understood and as it came. */
  answer(client: Prelogin, received: ReceivedPrelogin): Prelogin | Promise<Prelogin>
  /** Called when PRELOGIN was answered, before TLS in its packets. */
  answered?(): Promise<void>
  /** Called after the TLS handshake of a session that is encrypted: what TDS is to run on in place of TLS itself. */
  secured?(tls: TLSSocket, handshake: TlsHandshake): Duplex
}

/** A PRELOGIN message as it came. */
export interface ReceivedPrelogin {
  /** Without packet headers. */
  message: Buffer
  /** Whether it came in TLS (TDS 8.0). */
  strict: boolean
}

/** What a TLS handshake was like. */
export interface TlsHandshake {
  /** Whether it came before PRELOGIN (TDS 8.0). */
  strict: boolean
  /** How many PRELOGIN messages the client made of its half. */
  messages: number
}

/** A client after PRELOGIN and TLS. */
export interface GreetedClient {
  /** What LOGIN7 comes on. */
  login: Duplex
  /** To be called when LOGIN7 was read: what the session goes on with, bare where only the login is encrypted. */
  session(): Duplex
}

/** A PRELOGIN message is a few dozen bytes. */
const MAX_PRELOGIN_LENGTH = 4096

/**
 * Does the server's half of PRELOGIN and TLS, in the order of TDS 7.x or of TDS 8.0, as the client begins.
 *
 * @throws {@link TdsProtocolError}, or TLS's own error
 */
export async function greetClient(link: Duplex, greeting: ServerGreeting): Promise<GreetedClient> {
  const tls = { key: greeting.key, cert: greeting.certificate }
  const strict = (await firstByte(link)) === TLS_HANDSHAKE_RECORD
  const secured = (socket: TLSSocket, messages: number) => greeting.secured?.(socket, { strict, messages }) ?? socket
  const stream = strict ? secured(await acceptTls(link, tls), 0) : link
  const messages = new MessageStream(stream)
  const { type, payload } = await messages.read(MAX_PRELOGIN_LENGTH)
  if (type !== PacketType.PRELOGIN) throw new TdsProtocolError('A connection must begin with PRELOGIN.')
  const prelogin = parsePrelogin(payload)
  const answer = await greeting.answer(prelogin, { message: payload, strict })
  messages.write(PacketType.TABULAR_RESULT, encodePrelogin(answer))
  await greeting.answered?.()
  const scope = strict ? 'none' : encryptionScope(prelogin.encryption, answer.encryption)
  if (scope === 'none') return { login: stream, session: () => stream }
  if (scope === 'login') {
    const encrypted = await acceptTlsForLogin(link, tls)
    return { login: encrypted.stream, session: () => encrypted.release() }
  }
  const { stream: socket, messages: flights } = await acceptTlsInTds(link, tls)
  const encrypted = secured(socket, flights)
  return { login: encrypted, session: () => encrypted }
}

/** A whole message came in the place of LOGIN7, and is none that can be read. */
export class UnreadableLoginError extends TdsProtocolError {}

/**
 * Reads a client's LOGIN7.
 *
 * @throws {@link UnreadableLoginError}; {@link TdsProtocolError} where no whole message came
 */
export async function readLogin7(stream: Duplex): Promise<Login7> {
  const message = await readLogin7Message(stream)
  try {
    return parseLogin7(message)
  } catch (cause) {
    throw new UnreadableLoginError((cause as Error).message, { cause })
  }
}

/** The same, as it came. @throws {@link UnreadableLoginError}; {@link TdsProtocolError} where no whole message came */
export async function readLogin7Message(stream: Duplex): Promise<Buffer> {
  const { type, payload } = await new MessageStream(stream).read(MAX_LOGIN7_LENGTH)
  if (type !== PacketType.LOGIN7) throw new UnreadableLoginError('A login must begin with LOGIN7.')
  return payload
}

/** Looks at the first byte that comes, and leaves it there. */
async function firstByte(stream: Duplex): Promise<number | undefined> {
  const chunk = await new Promise<Buffer>((resolve, reject) => {
    stream.once('error', reject)
    stream.once('close', () => reject(new TdsProtocolError('The connection was closed before it began.')))
    stream.once('data', (data: Buffer) => {
      stream.pause()
      resolve(data)
    })
  })
  stream.unshift(chunk)
  return chunk[0]
}
