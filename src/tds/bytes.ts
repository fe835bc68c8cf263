/** Bytes that are not what MS-TDS says they must be at this place. The message says what was wrong. */
export class TdsProtocolError extends Error {
  override readonly name = 'TdsProtocolError'
}

/** More bytes or packets than a message may have. */
export class TooLargeError extends TdsProtocolError {}

/** Reads numbers and strings off a buffer, and never past its end. */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #what: string
  position = 0

  /** @param what - what is being read, for the error's message */
  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  get left(): number {
    return this.#bytes.length - this.position
  }

  bytes(length: number): Buffer {
    if (length < 0 || length > this.left) {
      throw new TdsProtocolError(`${this.#what} ends ${length - this.left} bytes too early.`)
    }
    this.position += length
    return this.#bytes.subarray(this.position - length, this.position)
  }

  /** Bytes at an offset, as LOGIN7 names them. */
  at(offset: number, length: number): Buffer {
    if (offset + length > this.#bytes.length) {
      throw new TdsProtocolError(`${this.#what} names bytes ${offset} to ${offset + length}, past its end.`)
    }
    return this.#bytes.subarray(offset, offset + length)
  }

  uint8(): number {
    return this.bytes(1).readUInt8(0)
  }

  uint16(): number {
    return this.bytes(2).readUInt16LE(0)
  }

  uint32(): number {
    return this.bytes(4).readUInt32LE(0)
  }

  int32(): number {
    return this.bytes(4).readInt32LE(0)
  }

  /** B_VARCHAR: a length in characters of one byte, then UTF-16LE. */
  bVarchar(): string {
    return this.bytes(this.uint8() * 2).toString('utf16le')
  }

  /** US_VARCHAR: a length in characters of two bytes, then UTF-16LE. */
  usVarchar(): string {
    return this.bytes(this.uint16() * 2).toString('utf16le')
  }
}

/** A number in little-endian order. */
export function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

/** The encoding of text: UTF-16 since TDS 7. */
type TextEncoding = 'utf16le' | 'latin1'

export function bVarchar(text: string, encoding: TextEncoding = 'utf16le'): Buffer {
  return Buffer.concat([Buffer.from([Math.min(text.length, 255)]), Buffer.from(text.slice(0, 255), encoding)])
}

export function usVarchar(text: string, encoding: TextEncoding = 'utf16le'): Buffer {
  return Buffer.concat([uint16(Math.min(text.length, 0xffff)), Buffer.from(text.slice(0, 0xffff), encoding)])
}
