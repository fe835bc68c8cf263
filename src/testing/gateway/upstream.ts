import type { Duplex } from 'node:stream'
import type { config as MssqlConfig } from 'mssql'
import { DEFAULT_PORT } from '../../config/address.ts'
import { readConfigObject } from '../../config/config-object.ts'
import { parseConnectionString } from '../../config/connection-string.ts'
import { EntraError } from '../../errors/entra-error.ts'
import { connectToServer, logIn } from '../../login/client-login.ts'
import { TdsProtocolError } from '../../tds/bytes.ts'
import { Feature } from '../../tds/features.ts'
import { agreedPacketSize, type LoginToken } from '../../tds/login-response.ts'
import type { Login7 } from '../../tds/login7.ts'
import {
  DoneStatus,
  encodeDone,
  encodeFeatureExtAck,
  encodeInfo,
  type ServerMessage,
  TokenType,
} from '../../tds/tokens.ts'
import { LoginError, upstreamNotReached } from './azure-errors.ts'
import type { GatewayKind } from './rules.ts'
import { encodeSessionState } from './server-tokens.ts'

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
  /** Accepts any certificate. @defaultValue false */
  trustServerCertificate?: boolean
}

/**
 * Reads an upstream from `sqlserver://host:port;user=…;password=…;database=…;encrypt=…;trustServerCertificate=…`, or from a
 * config object of `mssql` that says the same.
 *
 * @throws EntraError `CONFIG_INVALID`
 */
export function upstreamOf(given: MssqlConfig | string): Upstream {
  const { config, details } = typeof given === 'string' ? parseConnectionString(given) : readConfigObject(given)
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
export interface UpstreamLogin {
  stream: Duplex
  answer: LoginToken[]
  /** What it agreed to, in bytes. */
  packetSize: number
}

/** A packet must fit one TLS record with what TLS adds: SQL Server agrees to no more under TLS. In bytes. */
const MAX_PACKET_SIZE_IN_TLS = 16_383

/**
 * Logs in upstream with a SQL login and otherwise as the client requests.
 *
 * @param signal - destroys the connection at any time
 * @throws {@link LoginError} with the server's own error if it refuses, or why it cannot be reached
 */
export async function logInUpstream(upstream: Upstream, login: Login7, signal: AbortSignal): Promise<UpstreamLogin> {
  const {
    host,
    port = DEFAULT_PORT,
    user,
    password,
    database = '',
    encrypt = true,
    trustServerCertificate = false,
  } = upstream
  try {
    const { stream } = await connectToServer({ host, port, encrypt, trustServerCertificate }, { signal })
    const answer = await logIn(stream, {
      ...login,
      userName: user,
      password,
      database: login.database || database,
      serverName: host,
      packetSize: Math.min(login.packetSize, MAX_PACKET_SIZE_IN_TLS),
    })
    if (answer.kind === 'refused') throw new LoginError(answer.message, { said: errorsIn(answer.tokens) })
    if (answer.kind === 'routed') throw new TdsProtocolError('The server behind a gateway must not redirect.')
    const packetSize = agreedPacketSize(answer.tokens)
    if (packetSize > MAX_PACKET_SIZE_IN_TLS)
      throw new TdsProtocolError(`Packets of ${packetSize} bytes do not fit TLS.`)
    return { stream, answer: answer.tokens, packetSize }
  } catch (error) {
    throw error instanceof LoginError ? error : upstreamNotReached(`${host}:${port}`, error)
  }
}

function errorsIn(tokens: readonly LoginToken[]): ServerMessage[] {
  return tokens.flatMap((token) => (token.kind === 'error' ? [token.message] : []))
}

/** Optional parts of the answer to a login. */
export interface LoginAnswerOptions {
  /** INFO tokens of 1000 characters each: some of them make the answer longer than a packet. @defaultValue 0 */
  infos?: number
  /** SESSIONSTATE, for clients that asked for session recovery (feature 0x01). @defaultValue false */
  sessionState?: boolean
}

export const FEDAUTH_ACK = { id: Feature.FEDAUTH, data: Buffer.alloc(0) }

/** Serverless Synapse runs this many procedures during a login. */
const SYNAPSE_PROCEDURES = 3

/** The answer to an accepted login: the server's own, with the tokens that only the gateway can add. */
export function encodeAcceptedLogin(
  answer: readonly LoginToken[],
  login: Login7,
  kind: GatewayKind,
  { infos = 0, sessionState = false }: LoginAnswerOptions,
): Buffer {
  const given = answer.flatMap((token) => (token.kind === 'features' ? token.features : []))
  const first = [
    ...Array.from({ length: kind === 'synapse' ? SYNAPSE_PROCEDURES : 0 }, procedureDone),
    ...Array.from({ length: infos }, (_, i) => longInfo(i)),
  ]
  const recovers = login.features.some(({ id }) => id === Feature.SESSION_RECOVERY)
  const last = [
    ...(sessionState && recovers ? [encodeSessionState(1, [{ id: 0, value: Buffer.from('local', 'utf16le') }])] : []),
    encodeFeatureExtAck([FEDAUTH_ACK, ...given]),
  ]
  const tokens = answer.flatMap((token, i) => {
    if (token.kind === 'features') return []
    if (token.kind === 'loginAck') return [...first, token.bytes]
    return i === answer.length - 1 ? [...last, token.bytes] : [token.bytes]
  })
  return Buffer.concat(tokens)
}

function procedureDone(): Buffer {
  return encodeDone(DoneStatus.MORE | DoneStatus.COUNT, 1n, 0, TokenType.DONEINPROC)
}

function longInfo(index: number): Buffer {
  const message = `Message ${index + 1} of the local gateway. `.padEnd(1000, '.')
  return encodeInfo({ number: 0, state: 1, class: 0, message, serverName: 'local-gateway' })
}
