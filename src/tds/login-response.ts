import { ByteReader, TdsProtocolError } from './bytes.ts'
import { type FeatureData, type FedAuthInfo, parseFeatures, parseFedAuthInfo } from './features.ts'
import { DEFAULT_PACKET_SIZE } from './packet.ts'
import { DoneStatus, EnvChange, type Routing, type ServerMessage, TokenType } from './tokens.ts'

/** One token of a login's answer: its bytes as they stood, and what they mean where that matters to a login. */
export type LoginToken = { type: number; bytes: Buffer } & LoginTokenMeaning

type LoginTokenMeaning =
  | { kind: 'error' | 'info'; message: ServerMessage }
  | { kind: 'routing'; routing: Routing }
  | { kind: 'packetSize'; packetSize: number }
  | { kind: 'fedAuthInfo'; info: FedAuthInfo }
  | { kind: 'features'; features: FeatureData[] }
  /** `final`: nothing comes behind it. */
  | { kind: 'done'; final: boolean }
  /** DONEPROC, DONEINPROC, RETURNSTATUS: of procedures that the server ran for itself, as Synapse does. */
  | { kind: 'procedure' }
  /** ENVCHANGE 13 and 21: where a client may connect instead, if it knows how. */
  | { kind: 'elsewhere' }
  /** `unknown`: a token that no login is known to have, and all that stood behind it. */
  | { kind: 'loginAck' | 'sessionState' | 'other' | 'unknown' }

const DONE_LENGTH = 12

/** A server that goes on after an error is not waited for, and what an unknown token leads to cannot be told. */
const VERDICTS: readonly LoginToken['kind'][] = ['error', 'routing', 'fedAuthInfo', 'unknown']

/**
 * Reads the tokens of a server's answer to LOGIN7, up to the first that is not known: how long that is cannot be told.
 *
 * @throws {@link TdsProtocolError} for a token that is not what it must be
 */
export function parseLoginResponse(message: Buffer): LoginToken[] {
  const tokens: LoginToken[] = []
  for (let at = 0; at < message.length; ) {
    const token = parseToken(message.subarray(at))
    tokens.push(token)
    at += token.bytes.length
  }
  return tokens
}

/** Whether these tokens are all that a server says to LOGIN7; else another message follows. */
export function isWholeAnswer(tokens: readonly LoginToken[]): boolean {
  return tokens.some((token) => (token.kind === 'done' ? token.final : VERDICTS.includes(token.kind)))
}

/** The packet size from here on, in bytes. */
export function agreedPacketSize(tokens: readonly LoginToken[]): number {
  const agreed = tokens.findLast((token) => token.kind === 'packetSize')
  return agreed?.kind === 'packetSize' ? agreed.packetSize : DEFAULT_PACKET_SIZE
}

function parseToken(rest: Buffer): LoginToken {
  const reader = new ByteReader(rest, 'the answer to LOGIN7')
  const type = reader.uint8()
  const token = () => ({ type, bytes: rest.subarray(0, reader.position) })
  switch (type) {
    case TokenType.DONE: {
      const status = reader.bytes(DONE_LENGTH).readUInt16LE(0)
      return { ...token(), kind: 'done', final: (status & DoneStatus.MORE) === 0 }
    }
    case TokenType.DONEPROC:
    case TokenType.DONEINPROC:
      reader.bytes(DONE_LENGTH)
      return { ...token(), kind: 'procedure' }
    case TokenType.RETURNSTATUS:
      reader.bytes(4)
      return { ...token(), kind: 'procedure' }
    case TokenType.FEATUREEXTACK: {
      const features = parseFeatures(reader)
      return { ...token(), kind: 'features', features }
    }
    case TokenType.FEDAUTHINFO: {
      const info = parseFedAuthInfo(reader.bytes(reader.uint32()))
      return { ...token(), kind: 'fedAuthInfo', info }
    }
    case TokenType.SESSIONSTATE:
      reader.bytes(reader.uint32())
      return { ...token(), kind: 'sessionState' }
    case TokenType.ERROR:
    case TokenType.INFO: {
      const message = parseServerMessage(reader.bytes(reader.uint16()))
      return { ...token(), kind: type === TokenType.ERROR ? 'error' : 'info', message }
    }
    case TokenType.LOGINACK:
      reader.bytes(reader.uint16())
      return { ...token(), kind: 'loginAck' }
    case TokenType.ENVCHANGE: {
      const change = parseChange(reader.bytes(reader.uint16()))
      return { ...token(), ...change }
    }
    default:
      return { type, bytes: rest, kind: 'unknown' }
  }
}

function parseChange(body: Buffer): LoginTokenMeaning {
  switch (body[0]) {
    case EnvChange.ROUTING:
      return { kind: 'routing', routing: parseRouting(body) }
    case EnvChange.PACKET_SIZE: {
      const reader = new ByteReader(body.subarray(1), 'ENVCHANGE packet size')
      const packetSize = Number(reader.bVarchar())
      if (!Number.isInteger(packetSize)) throw new TdsProtocolError('ENVCHANGE names a packet size that is no number.')
      return { kind: 'packetSize', packetSize }
    }
    case EnvChange.MIRRORING_PARTNER:
    case EnvChange.ENHANCED_ROUTING:
      return { kind: 'elsewhere' }
    default:
      return { kind: 'other' }
  }
}

function parseServerMessage(body: Buffer): ServerMessage {
  const reader = new ByteReader(body, 'an ERROR or INFO token')
  return {
    number: reader.int32(),
    state: reader.uint8(),
    class: reader.uint8(),
    message: reader.usVarchar(),
    serverName: reader.bVarchar(),
    procedureName: reader.bVarchar(),
    line: reader.uint32(),
  }
}

function parseRouting(body: Buffer): Routing {
  const reader = new ByteReader(body, 'ENVCHANGE routing')
  reader.uint8()
  reader.uint16()
  const protocol = reader.uint8()
  if (protocol !== 0) throw new TdsProtocolError(`ENVCHANGE routes to protocol ${protocol}, which is not TCP.`)
  const port = reader.uint16()
  return { host: reader.usVarchar(), port }
}

/** The server's own words on a login that it refused: the cause of what the login throws. */
export class LoginRefusedError extends Error {
  override readonly name = 'LoginRefusedError'
  /** Its ERROR tokens, as they came and in their order: 4060 stands before 18456. Never empty. */
  readonly messages: readonly ServerMessage[]

  constructor(messages: readonly ServerMessage[]) {
    super(messages.map(({ number, message }) => `${number}: ${message}`).join(' '))
    this.messages = messages
  }
}
