import { uint16, uint32 } from './bytes.ts'
import { type ServerMessage, TokenType } from './tokens.ts'

/*
 * Tokens as clients before TDS 7.2 read them (MS-TDS 2.2.7.6, 2.2.7.10): lines are numbered in 16 bits, and rows counted
 * in 32. Before TDS 7, which is not in MS-TDS, a character is a byte.
 */

/** The first version with UTF-16. */
const FIRST_TDS_7 = 0x70000000

/** An ERROR or INFO token for a client before TDS 7.2. */
export function encodeOldMessage(type: number, message: ServerMessage, tdsVersion: number): Buffer {
  const encoding = tdsVersion < FIRST_TDS_7 ? 'latin1' : 'utf16le'
  const text = (value: string) => Buffer.from(value, encoding)
  const short = (value: string) => Buffer.concat([Buffer.from([value.length]), text(value)])
  const body = Buffer.concat([
    uint32(message.number),
    Buffer.from([message.state, message.class]),
    uint16(message.message.length),
    text(message.message),
    short(message.serverName ?? ''),
    short(message.procedureName ?? ''),
    uint16(message.line ?? 1),
  ])
  return Buffer.concat([Buffer.from([type]), uint16(body.length), body])
}

/** A DONE token for a client before TDS 7.2. */
export function encodeOldDone(status: number): Buffer {
  return Buffer.concat([Buffer.from([TokenType.DONE]), uint16(status), uint16(0), uint32(0)])
}
