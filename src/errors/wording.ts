import { distance } from 'fastest-levenshtein'

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
    const mistakes = distance(wanted, candidate.toLowerCase())
    if (mistakes >= least) continue
    best = candidate
    least = mistakes
  }
  return best === undefined ? undefined : `Did you mean ${best}?`
}
