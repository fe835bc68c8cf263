/** Bytes that are not what MS-TDS says they must be at this place. The message says what was wrong. */
export class TdsProtocolError extends Error {
  override readonly name = 'TdsProtocolError'
}
