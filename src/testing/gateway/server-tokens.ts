import { bVarchar, uint16, uint32, usVarchar } from '../../tds/bytes.ts'
import { EnvChange, type Routing, TokenType, tokenOf } from '../../tds/tokens.ts'

/*
 * Tokens that only a server writes (MS-TDS 2.2.7): the gateway, and the servers of our tests.
 */

/** An ENVCHANGE of two texts: database, language, packet size. */
export function encodeTextChange(type: number, value: string, oldValue = ''): Buffer {
  return tokenOf(TokenType.ENVCHANGE, Buffer.from([type]), bVarchar(value), bVarchar(oldValue))
}

/** An ENVCHANGE of two values of bytes: collation, transaction descriptors, reset. */
export function encodeBinaryChange(type: number, value: Buffer, oldValue: Buffer = Buffer.alloc(0)): Buffer {
  const lengthOfOld = Buffer.from([oldValue.length])
  return tokenOf(TokenType.ENVCHANGE, Buffer.from([type, value.length]), value, lengthOfOld, oldValue)
}

const TCP = 0

function encodeRoutingChange(type: number, ...parts: readonly Buffer[]): Buffer {
  const data = Buffer.concat(parts)
  return tokenOf(TokenType.ENVCHANGE, Buffer.from([type]), uint16(data.length), data, uint16(0))
}

/** Where to connect instead (ENVCHANGE 20). */
export function encodeRouting({ host, port }: Routing): Buffer {
  return encodeRoutingChange(EnvChange.ROUTING, Buffer.from([TCP]), uint16(port), usVarchar(host))
}

/** The same with the database there (ENVCHANGE 21), for clients that asked for the feature. */
export function encodeEnhancedRouting({ host, port, database }: Routing & { database: string }): Buffer {
  const parts = [Buffer.from([TCP]), uint16(port), usVarchar(host), usVarchar(database)]
  return encodeRoutingChange(EnvChange.ENHANCED_ROUTING, ...parts)
}

/** A SESSIONSTATE token (MS-TDS 2.2.7.21): what a session would be restored with after its connection broke. */
export function encodeSessionState(sequence: number, states: readonly { id: number; value: Buffer }[]): Buffer {
  const RECOVERABLE = 1
  const parts = states.flatMap(({ id, value }) => [Buffer.from([id, value.length]), value])
  const body = Buffer.concat([uint32(sequence), Buffer.from([RECOVERABLE]), ...parts])
  return Buffer.concat([Buffer.from([TokenType.SESSIONSTATE]), uint32(body.length), body])
}
