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
