import type { Duplex } from 'node:stream'
import { TdsProtocolError } from '../../../src/tds/bytes.ts'
import { Feature } from '../../../src/tds/features.ts'
import { type Login7, MAX_LOGIN7_LENGTH, parseLogin7 } from '../../../src/tds/login7.ts'
import { readMessage, writeMessage } from '../../../src/tds/messages.ts'
import { DEFAULT_PACKET_SIZE, encodeMessage, PacketType } from '../../../src/tds/packet.ts'
import { Encryption, encodePrelogin, parsePrelogin } from '../../../src/tds/prelogin.ts'
import {
  DoneStatus,
  EnvChange,
  encodeDone,
  encodeError,
  encodeInfo,
  encodeLoginAck,
  type ServerMessage,
} from '../../../src/tds/tokens.ts'
import { encodeBinaryChange, encodeTextChange } from '../../../src/testing/gateway/server-tokens.ts'
import { COLLATION } from './type-info.ts'

const SERVER = 'local-engine'
const MAX_PACKET_SIZE = 32_767
const MIN_PACKET_SIZE = 512

/** Reads PRELOGIN and LOGIN7. The engine is on loopback and has no TLS. */
export async function readLogin(socket: Duplex): Promise<Login7> {
  const first = await readMessage(socket, DEFAULT_PACKET_SIZE)
  if (first.type !== PacketType.PRELOGIN) throw new TdsProtocolError('A connection must begin with PRELOGIN.')
  parsePrelogin(first.payload)
  const version = { major: 16, minor: 0, build: 1000 }
  const prelogin = encodePrelogin({ version, encryption: Encryption.NOT_SUPPORTED, mars: false })
  writeMessage(socket, PacketType.TABULAR_RESULT, prelogin)
  const second = await readMessage(socket, MAX_LOGIN7_LENGTH)
  if (second.type !== PacketType.LOGIN7) throw new TdsProtocolError('A login must follow PRELOGIN.')
  return parseLogin7(second.payload)
}

/** Whether a login uses Entra authentication. */
export function isFederated(login: Login7): boolean {
  return login.features.some(({ id }) => id === Feature.FEDAUTH)
}

export function packetSizeOf(login: Login7): number {
  return Math.min(Math.max(login.packetSize || DEFAULT_PACKET_SIZE, MIN_PACKET_SIZE), MAX_PACKET_SIZE)
}

/** The answer to an accepted login. */
export function acceptLogin(login: Login7, database: string, spid: number): Buffer {
  const size = String(packetSizeOf(login))
  const info = (number: number, message: string) =>
    encodeInfo({ number, state: 1, class: 0, message, serverName: SERVER, line: 1 })
  const tokens = [
    encodeTextChange(EnvChange.DATABASE, database, 'master'),
    info(5701, `Changed database context to '${database}'.`),
    encodeBinaryChange(EnvChange.COLLATION, COLLATION),
    encodeTextChange(EnvChange.LANGUAGE, 'us_english'),
    info(5703, 'Changed language setting to us_english.'),
    encodeLoginAck('Microsoft SQL Server', [16, 0, 0x03, 0xe8]),
    encodeTextChange(EnvChange.PACKET_SIZE, size, size),
    encodeDone(DoneStatus.FINAL),
  ]
  return encodeMessage(PacketType.TABULAR_RESULT, Buffer.concat(tokens), DEFAULT_PACKET_SIZE, spid)
}

/** The answer to a refused login. */
export function refuseLogin(errors: readonly Omit<ServerMessage, 'serverName'>[]): Buffer {
  const tokens = errors.map((error) => encodeError({ ...error, serverName: SERVER }))
  return encodeMessage(PacketType.TABULAR_RESULT, Buffer.concat([...tokens, encodeDone(DoneStatus.ERROR)]))
}

/** Error 18456, which never says whether the user or the password is wrong. */
export function loginFailed(user: string): Omit<ServerMessage, 'serverName'> {
  return { number: 18456, state: 1, class: 14, message: `Login failed for user '${user}'.` }
}
