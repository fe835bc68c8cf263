import { bVarchar, uint16, uint32, usVarchar } from './bytes.ts'
import { encodeFeatures, type FeatureData } from './features.ts'
import { isTds72, TdsVersion } from './login7.ts'

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

/** A token whose length is in 16 bits. */
export function tokenOf(type: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([type]), uint16(body.length), body])
}

/** The first version with UTF-16. Before it, in versions that MS-TDS leaves out, a character is a byte. */
const FIRST_TDS_7 = 0x70000000

/** @param tdsVersion - the client's: before TDS 7.2, lines are numbered in 16 bits */
export function encodeServerMessage(
  type: number,
  message: ServerMessage,
  tdsVersion: number = TdsVersion.TDS_7_4,
): Buffer {
  const { number, state, serverName = '', procedureName = '', line = 1 } = message
  const isOld = !isTds72(tdsVersion)
  const encoding = isOld && tdsVersion < FIRST_TDS_7 ? 'latin1' : 'utf16le'
  return tokenOf(
    type,
    uint32(number),
    Buffer.from([state, message.class]),
    usVarchar(message.message, encoding),
    bVarchar(serverName, encoding),
    bVarchar(procedureName, encoding),
    isOld ? uint16(line) : uint32(line),
  )
}

export const encodeError = (message: ServerMessage): Buffer => encodeServerMessage(TokenType.ERROR, message)
export const encodeInfo = (message: ServerMessage): Buffer => encodeServerMessage(TokenType.INFO, message)

/** What changed, by its number in ENVCHANGE (MS-TDS 2.2.7.9). */
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

/** Where to connect instead (ENVCHANGE 20). */
export interface Routing {
  /** A host, or `host\instance` as Fabric has it: then LOGIN7's ServerName must repeat all of it. */
  host: string
  port: number
}

/** The LOGINACK token (MS-TDS 2.2.7.14). */
export function encodeLoginAck(program: string, version: readonly [number, number, number, number]): Buffer {
  const SQL_TSQL = 1
  const interfaceAndVersion = Buffer.from([SQL_TSQL, 0x74, 0, 0, 4])
  return tokenOf(TokenType.LOGINACK, interfaceAndVersion, bVarchar(program), Buffer.from(version))
}

/** The FEATUREEXTACK token (MS-TDS 2.2.7.11): each feature that the server accepts, with its answer. */
export function encodeFeatureExtAck(features: readonly FeatureData[]): Buffer {
  return Buffer.concat([Buffer.from([TokenType.FEATUREEXTACK]), encodeFeatures(features)])
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
