/**
 * Code page 1252, which `varchar` uses under SQL Server's default collation: Latin-1, except for these from 0x80. (The
 * `TextDecoder` of Node 20 treats windows-1252 as Latin-1.)
 */
const FROM_0X80 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'
const CHARACTERS = Array.from({ length: 256 }, (_, code) => FROM_0X80[code - 0x80] ?? String.fromCharCode(code))
const CODES = new Map(CHARACTERS.map((character, code) => [character, code]))

const QUESTION_MARK = 0x3f

/** Characters outside the code page become question marks. */
export function encodeLatin(text: string): Buffer {
  return Buffer.from([...text].map((character) => CODES.get(character) ?? QUESTION_MARK))
}

export function decodeLatin(bytes: Buffer): string {
  return [...bytes].map((code) => CHARACTERS[code]).join('')
}
