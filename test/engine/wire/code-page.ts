/** Code page 1252, which `varchar` holds under SQL Server's default collation. */
const DECODER = new TextDecoder('windows-1252')
const CODES = new Map<string, number>()
for (let code = 0; code < 256; code++) CODES.set(DECODER.decode(Buffer.from([code])), code)

const QUESTION_MARK = 0x3f

/** What is not in the code page becomes a question mark. */
export function encodeLatin(text: string): Buffer {
  return Buffer.from([...text].map((character) => CODES.get(character) ?? QUESTION_MARK))
}

export function decodeLatin(bytes: Buffer): string {
  return DECODER.decode(bytes)
}
