import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, checkServerIdentity, type SecureContextOptions } from 'node:tls'
import { EntraError } from '../errors/entra-error.ts'
import { TdsProtocolError } from '../tds/bytes.ts'
import { agreedPacketSize, isWholeAnswer, type LoginToken, parseLoginResponse } from '../tds/login-response.ts'
import { encodeLogin7, type Login7, MAX_LOGIN7_LENGTH } from '../tds/login7.ts'
import { limitRecords, nextType, readMessage, writeMessage } from '../tds/messages.ts'
import { PacketReader, PacketType } from '../tds/packet.ts'
import { Encryption, encodePrelogin, encryptionScope, type Prelogin, parsePrelogin, traceId } from '../tds/prelogin.ts'
import { connectTls, connectTlsInTds } from '../tds/tls.ts'
import type { Routing, ServerMessage } from '../tds/tokens.ts'
import { dial } from './connect.ts'
import { encryptionRequired } from './connect-failures.ts'

/** A server, and how to speak to it. */
export interface ServerAddress {
  host: string
  port: number
  /** `strict`: TLS before TDS (TDS 8.0). `false` says that this end cannot encrypt. */
  encrypt: boolean | 'strict'
  /** Takes any certificate. */
  trustServerCertificate: boolean
  /** For Node's `tls.createSecureContext`: authorities, versions, ciphers. @defaultValue those of Node */
  tls?: SecureContextOptions | undefined
  /** The name in the server's certificate. @defaultValue its host */
  serverName?: string | undefined
  /** Another name that the certificate may be for. @defaultValue none */
  alternativeName?: string | undefined
  /** Tries every address of the host at once (`MultiSubnetFailover`). @defaultValue false */
  parallel?: boolean | undefined
  localAddress?: string | undefined
}

/** A connection after PRELOGIN and TLS. */
export interface ServerConnection {
  socket: Socket
  /** The stream that carries LOGIN7. */
  stream: Duplex
  /** What the server answered to PRELOGIN. */
  prelogin: Prelogin
}

/** SqlClient's numbers: when a connection is silent it is probed, in ms (MS-TDS 3.2.2). */
const KEEP_ALIVE = 30_000

const VERSION = { major: 17, minor: 0, build: 0 }

/** Options of {@link connectToServer}. */
interface ConnectOptions {
  /** Destroys the connection at any time. */
  signal: AbortSignal
  /** Whether the login will bring a token. @defaultValue false */
  fedAuth?: boolean
  /** Called when the server was reached, before anything is sent; what it throws ends the connection. */
  onConnect?: (socket: Socket) => void
}

/**
 * Does the client's half of TCP, PRELOGIN and TLS.
 *
 * @throws {@link TdsProtocolError}, EntraError `TLS_FAILED` if the server does not encrypt and `CONNECT_FAILED` if it
 * is not a SQL Server, or the error of the socket or of TLS
 */
export async function connectToServer(server: ServerAddress, options: ConnectOptions): Promise<ServerConnection> {
  const { signal, fedAuth = false, onConnect } = options
  const socket = await reachServer(server, signal)
  try {
    onConnect?.(socket)
    return await greetServer(socket, server, fedAuth)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/**
 * Opens a TCP connection.
 *
 * @param signal - destroys it at any time
 * @throws the error of the socket; the signal's reason
 */
export async function reachServer(server: ServerAddress, signal: AbortSignal): Promise<Socket> {
  const { host, port, parallel, localAddress } = server
  const socket = await dial({ host, port, parallel, localAddress, signal }).catch((error) => {
    throw error instanceof AggregateError ? joined(error) : error
  })
  socket.setKeepAlive(true, KEEP_ALIVE)
  socket.on('error', () => {})
  const cut = () => socket.destroy(signal.reason)
  signal.addEventListener('abort', cut)
  socket.once('close', () => signal.removeEventListener('abort', cut))
  return socket
}

/**
 * Does the client's half of PRELOGIN and TLS.
 *
 * @param onStep - called when one of them begins
 * @throws what {@link connectToServer} does
 */
export async function greetServer(
  socket: Socket,
  server: ServerAddress,
  fedAuth: boolean,
  onStep: (step: 'PRELOGIN' | 'TLS') => void = () => {},
): Promise<ServerConnection> {
  const strict = server.encrypt === 'strict'
  // In TDS 8 all is encrypted by now: there is nothing to agree on, and the server does not look (MS-TDS 2.2.6.5).
  const encryption = server.encrypt === true ? Encryption.ON : Encryption.NOT_SUPPORTED
  if (strict) onStep('TLS')
  const link = strict ? await connectTls(socket, tlsOptions(server)) : socket
  onStep('PRELOGIN')
  await writeMessage(
    link,
    PacketType.PRELOGIN,
    encodePrelogin({
      version: VERSION,
      encryption,
      instance: '',
      threadId: 0,
      mars: false,
      traceId: traceId(),
      ...(fedAuth && { fedAuthRequired: true }),
    }),
  )
  const type = await nextType(link)
  if (type !== PacketType.TABULAR_RESULT) throw noSqlServer(new TdsProtocolError(`Type ${type} answered to PRELOGIN.`))
  const prelogin = parsePrelogin((await readMessage(link, MAX_LOGIN7_LENGTH)).payload)
  if (strict) return { socket, stream: link, prelogin }
  const scope = encryptionScope(encryption, prelogin.encryption)
  if (scope === undefined) throw server.encrypt === false ? encryptionRequired() : encryptionRefused()
  onStep('TLS')
  return { socket, stream: scope === 'session' ? await connectTlsInTds(socket, tlsOptions(server)) : socket, prelogin }
}

/** Node's error for a host with several addresses that all fail has no message. */
function joined(error: AggregateError): Error {
  const messages = new Set(error.errors.map((each) => (each instanceof Error ? each.message : String(each))))
  return new Error([...messages].join('; '), { cause: error })
}

function tlsOptions(server: ServerAddress): ConnectionOptions {
  const { host, trustServerCertificate, tls, serverName, alternativeName } = server
  const name = serverName ?? host
  return {
    ...tls,
    host: name,
    ...(isIP(name) === 0 && { servername: name }),
    ...(alternativeName !== undefined && {
      checkServerIdentity: (_, certificate) => {
        const mismatch = checkServerIdentity(name, certificate)
        return mismatch && (checkServerIdentity(alternativeName, certificate) === undefined ? undefined : mismatch)
      },
    }),
    rejectUnauthorized: !trustServerCertificate,
  }
}

/** How a server answered to LOGIN7. */
export type LoginAnswer =
  /** `spid`: the server's process id for the session. */
  | { kind: 'accepted'; tokens: LoginToken[]; spid: number }
  /** `message`: the first of the server's ERROR tokens. `tokens`: all that it said. */
  | { kind: 'refused'; message: ServerMessage; tokens: LoginToken[] }
  /** The login must be made elsewhere. */
  | { kind: 'routed'; routing: Routing }

/**
 * Sends LOGIN7 and reads the answer. From then on the connection's records are as long as the packets agreed on.
 *
 * @throws {@link TdsProtocolError}, or the error of the connection
 */
export async function logIn(stream: Duplex, login: Login7): Promise<LoginAnswer> {
  const { tokens, spid } = await beginLogin(stream, login)
  for (const token of tokens) if (token.kind === 'routing') return { kind: 'routed', routing: token.routing }
  if (tokens.some(({ kind }) => kind === 'loginAck')) {
    limitRecords(stream, agreedPacketSize(tokens))
    return { kind: 'accepted', tokens, spid }
  }
  for (const token of tokens) if (token.kind === 'error') return { kind: 'refused', message: token.message, tokens }
  throw new TdsProtocolError('LOGIN7 was answered neither by LOGINACK nor by an error.')
}

/**
 * Sends LOGIN7, and reads all that the server says to it, be it the end of the login or a question (FEDAUTHINFO).
 *
 * @throws {@link TdsProtocolError}, or the error of the connection
 */
export async function beginLogin(stream: Duplex, login: Login7): Promise<{ tokens: LoginToken[]; spid: number }> {
  await writeMessage(stream, PacketType.LOGIN7, encodeLogin7(login))
  const tokens: LoginToken[] = []
  for (let left = MAX_LOGIN7_LENGTH; ; ) {
    const { payload, spid } = await readMessage(stream, left)
    tokens.push(...parseLoginResponse(payload))
    if (isWholeAnswer(tokens)) return { tokens, spid }
    left -= payload.length
  }
}

/**
 * Ends a client's connection if the server answers PRELOGIN without encryption. Anybody on the network can forge that
 * answer, and a client that accepts it (as tedious does, whatever `encrypt` says) sends its token in the clear. Call this
 * before anything is sent.
 */
export function requireEncryption(socket: Socket): void {
  const packets = new PacketReader()
  const onData = (chunk: Buffer) => {
    try {
      if (chunk[0] !== PacketType.TABULAR_RESULT && packets.rest.length === 0) throw new TdsProtocolError('No TDS.')
      const [first] = packets.push(chunk)
      if (first === undefined) return
      socket.off('data', onData)
      const { encryption } = parsePrelogin(first.payload)
      if (encryption !== Encryption.ON && encryption !== Encryption.REQUIRED) socket.destroy(encryptionRefused())
    } catch (cause) {
      socket.destroy(noSqlServer(cause))
    }
  }
  socket.on('data', onData)
}

/** The error for a server, or somebody on the network, that answers without encryption. */
function encryptionRefused(): EntraError {
  return new EntraError(
    'TLS_FAILED',
    'The server does not offer encryption, or something in between hides the offer. The token was not sent. ' +
      'Give the server a certificate. Only a server on this machine can do without, with encrypt: false.',
  )
}

/** The error for an answer to PRELOGIN that is not TDS. */
function noSqlServer(cause: unknown): EntraError {
  return new EntraError('CONNECT_FAILED', 'What answers at that port is not a SQL Server. Check the host and port.', {
    cause,
  })
}
