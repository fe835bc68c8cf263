import { ByteReader } from './bytes.ts'
import { type FeatureData, parseFeatures } from './features.ts'
import { type FedAuthInfo, parseFedAuthInfo } from './fed-auth.ts'
import { TdsProtocolError } from './protocol-error.ts'
import { EnvChange, type Routing, type ServerMessage, TokenType } from './tokens.ts'

/** One token of a login's answer: its bytes as they stood, and what they mean where that matters to a login. */
export type LoginToken = { type: number; bytes: Buffer } & (
  | { kind: 'error' | 'info'; message: ServerMessage }
  | { kind: 'routing'; routing: Routing }
  | { kind: 'fedAuthInfo'; info: FedAuthInfo }
  | { kind: 'features'; features: FeatureData[] }
  | { kind: 'loginAck' | 'done' | 'other' }
)

const DONE_LENGTH = 12

/**
 * Reads the tokens of a server's answer to LOGIN7.
 *
 * @throws {@link TdsProtocolError} for a token that no login has
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

function parseToken(rest: Buffer): LoginToken {
  const reader = new ByteReader(rest, 'the answer to LOGIN7')
  const type = reader.uint8()
  const token = () => ({ type, bytes: rest.subarray(0, reader.position) })
  switch (type) {
    case TokenType.DONE:
      reader.bytes(DONE_LENGTH)
      return { ...token(), kind: 'done' }
    case TokenType.FEATUREEXTACK: {
      const features = parseFeatures(reader)
      return { ...token(), kind: 'features', features }
    }
    case TokenType.FEDAUTHINFO: {
      const info = parseFedAuthInfo(reader.bytes(reader.uint32()))
      return { ...token(), kind: 'fedAuthInfo', info }
    }
    case TokenType.ERROR:
    case TokenType.INFO: {
      const message = parseServerMessage(reader.bytes(reader.uint16()))
      return { ...token(), kind: type === TokenType.ERROR ? 'error' : 'info', message }
    }
    case TokenType.LOGINACK:
      reader.bytes(reader.uint16())
      return { ...token(), kind: 'loginAck' }
    case TokenType.ENVCHANGE: {
      const body = reader.bytes(reader.uint16())
      return body[0] === EnvChange.ROUTING
        ? { ...token(), kind: 'routing', routing: parseRouting(body) }
        : { ...token(), kind: 'other' }
    }
    default:
      throw new TdsProtocolError(`The answer to LOGIN7 has a token of type 0x${type.toString(16)}.`)
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
