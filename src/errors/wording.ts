/** Stands for what must not be shown. */
export const MASK = '***'

/** Whether you may show a value that is not itself a secret. One with a semicolon may have swallowed a secret. */
export function isShowable(value: string): boolean {
  return !value.includes(';')
}

/** A value for a message. */
export function quoted(value: string): string {
  return isShowable(value) ? `"${value}"` : MASK
}

/** A time for a message. @param time - in ms since the epoch */
export function iso(time: number): string {
  return new Date(time).toISOString()
}

/** `Did you mean …?`, if a candidate is near enough to a mistyped word: one mistake in a short word, three in a long one. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase()
  let best: string | undefined
  let least = Math.min(3, Math.floor(wanted.length / 3)) + 1
  for (const candidate of candidates) {
    const mistakes = editDistance(wanted, candidate.toLowerCase())
    if (mistakes >= least) continue
    best = candidate
    least = mistakes
  }
  return best === undefined ? undefined : `Did you mean ${best}?`
}

/** By hand, since libraries count two swapped letters, the commonest mistake, as two: `usre` would find no `user`. */
function editDistance(a: string, b: string): number {
  let [last, current] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const beforeLast = last
    last = current
    current = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? at(beforeLast, j - 2) + 1 : Number.POSITIVE_INFINITY
      current[j] = Math.min(at(last, j) + 1, at(current, j - 1) + 1, changed, swapped)
    }
  }
  return at(current, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0
}

/**
 * Text for a terminal: without control characters and marks that change the direction of writing, of which a server, a
 * certificate or a client could send some to hide or move what is shown. Keeps line breaks.
 */
export function printable(text: string): string {
  return text.replace(/(?!\n)[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, ' ')
}

/** JSON that holds no control character either: `JSON.stringify` keeps DEL and C1, of which U+009B begins an escape. */
export function printableJson(value: unknown, indent?: number): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(value, null, indent).replace(/[\u007f-\u009f]/g, escaped)
}

/**
 * Breaks the lines of a text at spaces. A line that begins with a space stays whole, to be copied: a statement, or what
 * carets point at.
 *
 * @param width - in characters; `Infinity` for a file or a pipe
 */
export function wrapped(text: string, width: number): string {
  const lines = text.split('\n').map((line) => {
    if (line.length <= width || line.startsWith(' ')) return line
    const [first = '', ...words] = line.split(' ')
    let wrappedLine = first
    let length = first.length
    for (const word of words) {
      const fits = length + 1 + word.length <= width
      wrappedLine += (fits ? ' ' : '\n') + word
      length = fits ? length + 1 + word.length : word.length
    }
    return wrappedLine
  })
  return lines.join('\n')
}
