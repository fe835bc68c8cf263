import { bVarchar, uint16, uint32, usVarchar } from './bytes.ts'
import { encodeFeatures, type FeatureData } from './features.ts'

/** Types of the tokens of a server's answer (MS-TDS 2.2.7), as far as a login has them. */
export const TokenType = {
  RETURNSTATUS: 0x79,
  ERROR: 0xaa,
  INFO: 0xab,
  LOGINACK: 0xad,
  FEATUREEXTACK: 0xae,
  ENVCHANGE: 0xe3,
  SESSIONSTATE: 0xe4,
  FEDAUTHINFO: 0xee,
  DONE: 0xfd,
  DONEPROC: 0xfe,
  DONEINPROC: 0xff,
} as const

/** An ERROR or INFO token (MS-TDS 2.2.7.10, 2.2.7.13). */
export interface ServerMessage {
  number: number
  state: number
  /** The severity: above 10 it is an error, from 20 on the connection ends. */
  class: number
  message: string
  serverName?: string
  procedureName?: string
  line?: number
}

function withLength(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type]), uint16(body.length), body])
}

function encodeMessageToken(type: number, message: ServerMessage): Buffer {
  return withLength(
    type,
    Buffer.concat([
      uint32(message.number),
      Buffer.from([message.state, message.class]),
      usVarchar(message.message),
      bVarchar(message.serverName ?? ''),
      bVarchar(message.procedureName ?? ''),
      uint32(message.line ?? 1),
    ]),
  )
}

export const encodeError = (message: ServerMessage): Buffer => encodeMessageToken(TokenType.ERROR, message)
export const encodeInfo = (message: ServerMessage): Buffer => encodeMessageToken(TokenType.INFO, message)

/** What changed, by ENVCHANGE's number of it (MS-TDS 2.2.7.9). */
export const EnvChange = {
  DATABASE: 1,
  LANGUAGE: 2,
  PACKET_SIZE: 4,
  COLLATION: 7,
  BEGIN_TRANSACTION: 8,
  COMMIT_TRANSACTION: 9,
  ROLLBACK_TRANSACTION: 10,
  MIRRORING_PARTNER: 13,
  RESET_COMPLETED: 18,
  ROUTING: 20,
  ENHANCED_ROUTING: 21,
} as const

/** An ENVCHANGE of two texts: database, language, packet size. */
export function encodeTextChange(type: number, value: string, oldValue = ''): Buffer {
  return withLength(TokenType.ENVCHANGE, Buffer.concat([Buffer.from([type]), bVarchar(value), bVarchar(oldValue)]))
}

/** An ENVCHANGE of two values of bytes: collation, transaction descriptors, reset. */
export function encodeBinaryChange(type: number, value: Buffer, oldValue: Buffer = Buffer.alloc(0)): Buffer {
  const body = [Buffer.from([type, value.length]), value, Buffer.from([oldValue.length]), oldValue]
  return withLength(TokenType.ENVCHANGE, Buffer.concat(body))
}

/** Where to connect instead (ENVCHANGE 20). */
export interface Routing {
  /** A host, or `host\instance` as Fabric has it: then LOGIN7's ServerName must repeat all of it. */
  host: string
  port: number
}

export function encodeRouting({ host, port }: Routing): Buffer {
  return encodeRoutingChange(EnvChange.ROUTING, Buffer.concat([Buffer.from([TCP]), uint16(port), usVarchar(host)]))
}

/** The same with the database there (ENVCHANGE 21), for clients that asked for the feature. */
export function encodeEnhancedRouting({ host, port, database }: Routing & { database: string }): Buffer {
  const data = [Buffer.from([TCP]), uint16(port), usVarchar(host), usVarchar(database)]
  return encodeRoutingChange(EnvChange.ENHANCED_ROUTING, Buffer.concat(data))
}

const TCP = 0

function encodeRoutingChange(type: number, data: Buffer): Buffer {
  return withLength(TokenType.ENVCHANGE, Buffer.concat([Buffer.from([type]), uint16(data.length), data, uint16(0)]))
}

/** The LOGINACK token (MS-TDS 2.2.7.14). */
export function encodeLoginAck(program: string, version: readonly [number, number, number, number]): Buffer {
  const SQL_TSQL = 1
  const body = [Buffer.from([SQL_TSQL, 0x74, 0, 0, 4]), bVarchar(program), Buffer.from(version)]
  return withLength(TokenType.LOGINACK, Buffer.concat(body))
}

/** The FEATUREEXTACK token (MS-TDS 2.2.7.11): each feature that the server takes, with its answer. */
export function encodeFeatureExtAck(features: readonly FeatureData[]): Buffer {
  return Buffer.concat([Buffer.from([TokenType.FEATUREEXTACK]), encodeFeatures(features)])
}

/** A SESSIONSTATE token (MS-TDS 2.2.7.21): what a session would be restored with after its connection broke. */
export function encodeSessionState(sequence: number, states: readonly { id: number; value: Buffer }[]): Buffer {
  const RECOVERABLE = 1
  const parts = states.flatMap(({ id, value }) => [Buffer.from([id, value.length]), value])
  const body = Buffer.concat([uint32(sequence), Buffer.from([RECOVERABLE]), ...parts])
  return Buffer.concat([Buffer.from([TokenType.SESSIONSTATE]), uint32(body.length), body])
}

/** Bits of DONE's status (MS-TDS 2.2.7.6). */
export const DoneStatus = {
  FINAL: 0x00,
  MORE: 0x01,
  ERROR: 0x02,
  IN_TRANSACTION: 0x04,
  COUNT: 0x10,
  ATTENTION: 0x20,
} as const

export function encodeDone(status: number, count = 0n, command = 0, type: number = TokenType.DONE): Buffer {
  const rows = Buffer.alloc(8)
  rows.writeBigUInt64LE(count)
  return Buffer.concat([Buffer.from([type]), uint16(status), uint16(command), rows])
}
