/**
 * DER (ITU-T X.690) as far as an X.509 certificate needs it, encoding only. Each function gives one complete value:
 * tag, length, content.
 */

function encode(tag: number, content: Uint8Array): Buffer {
  const length: number[] = []
  for (let rest = content.length; rest > 0; rest >>>= 8) length.unshift(rest & 0xff)
  const header = content.length < 0x80 ? [tag, content.length] : [tag, 0x80 | length.length, ...length]
  return Buffer.concat([Buffer.from(header), content])
}

export function sequence(...items: Uint8Array[]): Buffer {
  return encode(0x30, Buffer.concat(items))
}

export function set(...items: Uint8Array[]): Buffer {
  return encode(0x31, Buffer.concat(items))
}

export function boolean(value: boolean): Buffer {
  return encode(0x01, Buffer.of(value ? 0xff : 0x00))
}

/** @param bytes - two's complement, big-endian, in the fewest bytes */
export function integer(bytes: Uint8Array): Buffer {
  return encode(0x02, bytes)
}

/** @param unusedBits - how many of the last byte's low bits do not count */
export function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return encode(0x03, Buffer.concat([Buffer.of(unusedBits), content]))
}

export function octetString(content: Uint8Array): Buffer {
  return encode(0x04, content)
}

export function utf8String(text: string): Buffer {
  return encode(0x0c, Buffer.from(text, 'utf8'))
}

/** @param dotted - for one `2.5.29.17` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift(0x80 | (left & 0x7f))
    return groups
  })
  return encode(0x06, Buffer.from(bytes))
}

/** A `Time` of X.509: UTCTime to the end of 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5). Whole seconds. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '')
  return date.getUTCFullYear() < 2050
    ? encode(0x17, Buffer.from(digits.slice(2), 'latin1'))
    : encode(0x18, Buffer.from(digits, 'latin1'))
}

/** `[number] EXPLICIT`, around values that are encoded already. */
export function explicit(number: number, content: Uint8Array): Buffer {
  return encode(0xa0 | number, content)
}

/** `[number] IMPLICIT` of a primitive type. */
export function implicit(number: number, content: Uint8Array): Buffer {
  return encode(0x80 | number, content)
}
