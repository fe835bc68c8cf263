/**
 * Code page 1252, which `varchar` holds under SQL Server's default collation: Latin-1, but for these from 0x80 on. (The
 * `TextDecoder` of Node 20 takes windows-1252 for Latin-1.)
 */
const FROM_0X80 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'
const CHARACTERS = Array.from({ length: 256 }, (_, code) => FROM_0X80[code - 0x80] ?? String.fromCharCode(code))
const CODES = new Map(CHARACTERS.map((character, code) => [character, code]))

const QUESTION_MARK = 0x3f

/** What is not in the code page becomes a question mark. */
export function encodeLatin(text: string): Buffer {
  return Buffer.from([...text].map((character) => CODES.get(character) ?? QUESTION_MARK))
}

export function decodeLatin(bytes: Buffer): string {
  return [...bytes].map((code) => CHARACTERS[code]).join('')
}
