import { ByteReader, TdsProtocolError } from './bytes.ts'
import { type FeatureData, type FedAuthInfo, parseFeatures, parseFedAuthInfo } from './features.ts'
import { DEFAULT_PACKET_SIZE } from './packet.ts'
import { DoneStatus, EnvChange, type Routing, type ServerMessage, TokenType } from './tokens.ts'

/** One token of a login's answer: its bytes, and what they mean to a login. */
export type LoginToken = { type: number; bytes: Buffer } & LoginTokenMeaning

type LoginTokenMeaning =
  | { kind: 'error' | 'info'; message: ServerMessage }
  | { kind: 'routing'; routing: Routing }
  | { kind: 'packetSize'; packetSize: number }
  | { kind: 'database'; database: string }
  | { kind: 'fedAuthInfo'; info: FedAuthInfo }
  | { kind: 'features'; features: FeatureData[] }
  /** `final`: nothing follows. */
  | { kind: 'done'; final: boolean }
  /**
   * Not for a client: of procedures that the server ran on its own, as Synapse does (DONEPROC, DONEINPROC, RETURNSTATUS),
   * and where else one may connect (ENVCHANGE 13 and 21).
   */
  | { kind: 'private' }
  /** `unknown`: a token that no login is known to have, and everything after it. */
  | { kind: 'loginAck' | 'sessionState' | 'other' | 'unknown' }

const DONE_LENGTH = 12

/** After an error the server may send more, but nobody waits for it. What follows an unknown token cannot be read. */
const FINAL_KINDS: readonly LoginToken['kind'][] = ['error', 'routing', 'fedAuthInfo', 'unknown']

/**
 * Reads the tokens of a server's answer to LOGIN7, up to the first of unknown type, whose length is unknown too.
 *
 * @throws {@link TdsProtocolError} for a malformed token
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

/** Whether these tokens are the whole answer to LOGIN7. If not, another message follows. */
export function isWholeAnswer(tokens: readonly LoginToken[]): boolean {
  return tokens.some((token) => (token.kind === 'done' ? token.final : FINAL_KINDS.includes(token.kind)))
}

/** The packet size from here on, in bytes. */
export function agreedPacketSize(tokens: readonly LoginToken[]): number {
  return tokens.findLast((token) => token.kind === 'packetSize')?.packetSize ?? DEFAULT_PACKET_SIZE
}

/** The database that the session is in, if the server names it. */
export function databaseIn(tokens: readonly LoginToken[]): string | undefined {
  return tokens.findLast((token) => token.kind === 'database')?.database
}

function parseToken(rest: Buffer): LoginToken {
  const reader = new ByteReader(rest, 'the answer to LOGIN7')
  const type = reader.uint8()
  const meaning = parseMeaning(type, reader)
  const bytes = meaning.kind === 'unknown' ? rest : rest.subarray(0, reader.position)
  return { type, bytes, ...meaning }
}

/** Reads a token to its end, unless its type is unknown. */
function parseMeaning(type: number, reader: ByteReader): LoginTokenMeaning {
  switch (type) {
    case TokenType.DONE: {
      const status = reader.bytes(DONE_LENGTH).readUInt16LE(0)
      return { kind: 'done', final: (status & DoneStatus.MORE) === 0 }
    }
    case TokenType.DONEPROC:
    case TokenType.DONEINPROC:
      reader.bytes(DONE_LENGTH)
      return { kind: 'private' }
    case TokenType.RETURNSTATUS:
      reader.bytes(4)
      return { kind: 'private' }
    case TokenType.FEATUREEXTACK:
      return { kind: 'features', features: parseFeatures(reader) }
    case TokenType.FEDAUTHINFO:
      return { kind: 'fedAuthInfo', info: parseFedAuthInfo(reader.bytes(reader.uint32())) }
    case TokenType.SESSIONSTATE:
      reader.bytes(reader.uint32())
      return { kind: 'sessionState' }
    case TokenType.ERROR:
      return { kind: 'error', message: parseServerMessage(reader.bytes(reader.uint16())) }
    case TokenType.INFO:
      return { kind: 'info', message: parseServerMessage(reader.bytes(reader.uint16())) }
    case TokenType.LOGINACK:
      reader.bytes(reader.uint16())
      return { kind: 'loginAck' }
    case TokenType.ENVCHANGE:
      return parseChange(reader.bytes(reader.uint16()))
    default:
      return { kind: 'unknown' }
  }
}

function parseChange(body: Buffer): LoginTokenMeaning {
  switch (body[0]) {
    case EnvChange.ROUTING:
      return { kind: 'routing', routing: parseRouting(body) }
    case EnvChange.DATABASE:
      return { kind: 'database', database: new ByteReader(body.subarray(1), 'ENVCHANGE database').bVarchar() }
    case EnvChange.PACKET_SIZE: {
      const reader = new ByteReader(body.subarray(1), 'ENVCHANGE packet size')
      const packetSize = Number(reader.bVarchar())
      if (!Number.isInteger(packetSize))
        throw new TdsProtocolError('ENVCHANGE names a packet size that is not a number.')
      return { kind: 'packetSize', packetSize }
    }
    case EnvChange.MIRRORING_PARTNER:
    case EnvChange.ENHANCED_ROUTING:
      return { kind: 'private' }
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

/** The server's own words about a login that it refused: the `cause` of the EntraError. */
export class LoginRefusedError extends Error {
  override readonly name = 'LoginRefusedError'
  /** Its ERROR tokens in their order: 4060 comes before 18456. Never empty. */
  readonly messages: readonly ServerMessage[]

  constructor(messages: readonly ServerMessage[]) {
    super(messages.map(({ number, message }) => `${number}: ${message}`).join(' '))
    this.messages = messages
  }
}
