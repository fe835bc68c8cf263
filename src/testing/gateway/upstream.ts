import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { parseConnectionString } from '../../config/connection-string.ts'
import { EntraError } from '../../errors/entra-error.ts'
import { type LoginToken, parseLoginResponse } from '../../tds/login-response.ts'
import { encodeLogin7, type Login7, MAX_LOGIN7_LENGTH } from '../../tds/login7.ts'
import { MessageStream } from '../../tds/message-stream.ts'
import { PacketType } from '../../tds/packet.ts'
import { Encryption, encodePrelogin, parsePrelogin } from '../../tds/prelogin.ts'
import { connectTlsInTds } from '../../tds/tls.ts'
import { LoginError, upstreamUnavailable } from './login-error.ts'

/** The SQL Server behind a gateway, and a SQL login on it. */
export interface Upstream {
  host: string
  /** @defaultValue 1433 */
  port?: number
  user: string
  password: string
  /** The database of a client that asks for none. @defaultValue the login's own */
  database?: string
  /** `false` asks for no TLS at all. @defaultValue true */
  encrypt?: boolean
  /** Takes any certificate. @defaultValue false */
  trustServerCertificate?: boolean
}

/**
 * Reads an upstream from `sqlserver://host:port;user=…;password=…;database=…;encrypt=…;trustServerCertificate=…`.
 *
 * @throws EntraError `CONFIG_INVALID`
 */
export function upstreamOf(text: string): Upstream {
  const { config, target } = parseConnectionString(text)
  const { user, password } = target.details
  if (user === undefined || password === undefined) {
    throw new EntraError('CONFIG_INVALID', 'The upstream of a gateway needs a SQL login: …;user=…;password=…')
  }
  return {
    host: config.server,
    user: user.text,
    password: password.text,
    ...(config.port !== undefined && { port: config.port }),
    ...(config.database !== undefined && { database: config.database }),
    encrypt: config.options?.encrypt !== false,
    trustServerCertificate: config.options?.trustServerCertificate === true,
  }
}

/** A session that was opened upstream, and what the server answered to the login. */
export interface UpstreamSession {
  stream: Duplex
  answer: LoginToken[]
}

/**
 * Logs in upstream with a SQL login and otherwise the client's own wishes.
 *
 * @param onSocket - receives the connection as soon as it is there, so that it can be destroyed at any time
 * @throws {@link LoginError} with the server's own error where it refuses
 */
export async function logInUpstream(
  upstream: Upstream,
  wishes: Login7,
  onSocket: (socket: Socket) => void,
): Promise<UpstreamSession> {
  try {
    const socket = connect({ host: upstream.host, port: upstream.port ?? 1433, noDelay: true })
    socket.on('error', () => {})
    onSocket(socket)
    await once(socket, 'connect')
    const stream = await negotiate(socket, upstream)
    const messages = new MessageStream(stream)
    messages.write(
      PacketType.LOGIN7,
      encodeLogin7({
        ...wishes,
        userName: upstream.user,
        password: upstream.password,
        database: wishes.database || (upstream.database ?? ''),
        serverName: upstream.host,
      }),
    )
    const answer = parseLoginResponse((await messages.read(MAX_LOGIN7_LENGTH)).payload)
    const refusal = answer.find((token) => token.kind === 'error')
    if (!answer.some(({ kind }) => kind === 'loginAck') && refusal?.kind === 'error') {
      throw new LoginError(refusal.message)
    }
    return { stream, answer }
  } catch (error) {
    throw error instanceof LoginError
      ? error
      : upstreamUnavailable(wishes.database || (upstream.database ?? 'master'), error)
  }
}

async function negotiate(socket: Socket, upstream: Upstream): Promise<Duplex> {
  const encrypt = upstream.encrypt ?? true
  const messages = new MessageStream(socket)
  const encryption = encrypt ? Encryption.ON : Encryption.NOT_SUPPORTED
  messages.write(PacketType.PRELOGIN, encodePrelogin({ version: { major: 17, minor: 0, build: 0 }, encryption }))
  const answer = parsePrelogin((await messages.read(MAX_LOGIN7_LENGTH)).payload)
  if (answer.encryption === Encryption.NOT_SUPPORTED) return socket
  return connectTlsInTds(socket, {
    host: upstream.host,
    ...(isIP(upstream.host) === 0 && { servername: upstream.host }),
    rejectUnauthorized: !(upstream.trustServerCertificate ?? false),
  })
}
