/** In bytes: type, version, length (RFC 8446, 5.1). */
const HEADER_LENGTH = 5

/** ContentType of RFC 8446, 5.1: change_cipher_spec, alert, handshake, application_data. No TDS packet has such a type. */
const isRecordType = (type: number | undefined) => type !== undefined && type >= 0x14 && type <= 0x17

/** Tells where TLS ends in a stream that goes on without it. */
export class TlsRecords {
  /** A header that is not complete yet. */
  #header: Buffer = Buffer.alloc(0)
  /** What is to come of the current record, in bytes. */
  #left = 0
  #behind: Buffer = Buffer.alloc(0)

  /** What came behind the last record. */
  get behind(): Buffer {
    return this.#behind
  }

  /** Whether the last record is complete. */
  get atBoundary(): boolean {
    return this.#left === 0 && this.#header.length === 0
  }

  /** Takes bytes as they come, cut anywhere, and gives those of TLS records. */
  take(chunk: Buffer): Buffer {
    const bytes = this.#header.length === 0 ? chunk : Buffer.concat([this.#header, chunk])
    this.#header = Buffer.alloc(0)
    let at = 0
    while (at < bytes.length && this.#behind.length === 0) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length - at)
        this.#left -= taken
        at += taken
      } else if (!isRecordType(bytes[at])) break
      else if (bytes.length - at < HEADER_LENGTH) {
        this.#header = bytes.subarray(at)
        return bytes.subarray(0, at)
      } else this.#left = HEADER_LENGTH + bytes.readUInt16BE(at + 3)
    }
    if (at < bytes.length) this.#behind = Buffer.concat([this.#behind, bytes.subarray(at)])
    return bytes.subarray(0, at)
  }
}
