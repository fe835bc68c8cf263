import type { Duplex } from 'node:stream'
import { parseConnectionString } from '../../config/connection-string.ts'
import { EntraError } from '../../errors/entra-error.ts'
import { connectToServer, logIn } from '../../login/client-login.ts'
import { agreedPacketSize, type LoginToken } from '../../tds/login-response.ts'
import type { Login7 } from '../../tds/login7.ts'
import { TdsProtocolError } from '../../tds/protocol-error.ts'
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
  const { config, details } = parseConnectionString(text)
  const { user, password } = details
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
  /** What it agreed to, in bytes. */
  packetSize: number
}

/** A packet must fit one TLS record with what TLS adds: SQL Server agrees to no more where it encrypts. In bytes. */
const MAX_PACKET_SIZE_IN_TLS = 16_383

/**
 * Logs in upstream with a SQL login and otherwise the client's own wishes.
 *
 * @param signal - destroys the connection at any time
 * @throws {@link LoginError} with the server's own error where it refuses
 */
export async function logInUpstream(upstream: Upstream, wishes: Login7, signal: AbortSignal): Promise<UpstreamSession> {
  const { host, port = 1433, user, password, database = '', encrypt = true, trustServerCertificate = false } = upstream
  try {
    const { stream } = await connectToServer({ host, port, encrypt, trustServerCertificate }, { signal })
    const answer = await logIn(stream, {
      ...wishes,
      userName: user,
      password,
      database: wishes.database || database,
      serverName: host,
      packetSize: Math.min(wishes.packetSize, MAX_PACKET_SIZE_IN_TLS),
    })
    if (answer.kind === 'refused') throw new LoginError(answer.message)
    if (answer.kind === 'routed') throw new TdsProtocolError('The server behind a gateway must not redirect.')
    const packetSize = agreedPacketSize(answer.tokens)
    if (packetSize > MAX_PACKET_SIZE_IN_TLS)
      throw new TdsProtocolError(`Packets of ${packetSize} bytes do not fit TLS.`)
    return { stream, answer: answer.tokens, packetSize }
  } catch (error) {
    throw error instanceof LoginError
      ? error
      : upstreamUnavailable(wishes.database || (upstream.database ?? 'master'), error)
  }
}
