import { inspect } from 'node:util'

/** The shortest piece of a secret that counts as a leak, in characters. */
const PIECE = 40

/**
 * The texts that a log, a debugger or an error tracker might print for a value.
 *
 * @param depth - of nested objects. Prisma Client's own, ten deep, are 135 MB of text.
 */
export function textsOf(value: unknown, depth = 10): string[] {
  return [
    String(value),
    inspect(value, { depth, showHidden: true, maxStringLength: null, maxArrayLength: null }),
    jsonOf(value),
  ]
}

/** The secrets that a text contains, in full or their last part, plain or as UTF-16. */
export function secretsIn(text: string, secrets: readonly string[]): string[] {
  const dense = text.replaceAll('\0', '')
  return secrets.filter((secret) => secret !== '' && dense.includes(secret.slice(-PIECE)))
}

function jsonOf(value: unknown): string {
  const seen = new Set<unknown>()
  const text = JSON.stringify(value, (_, member) => {
    if (typeof member === 'bigint') return String(member)
    if (typeof member !== 'object' || member === null) return member
    if (seen.has(member)) return undefined
    seen.add(member)
    return member
  })
  return text ?? ''
}
