/** A part of a text: from `start` up to, not including, `end`. */
export interface Span {
  start: number
  end: number
}

/** What stands in an excerpt for what must not be shown. */
const MASK = '***'
const WIDTH = 100

/** Whether a value may be shown that is no secret itself: one with a semicolon may have swallowed a secret. */
export function isShowable(value: string): boolean {
  return !value.includes(';')
}

/** A value for a message. */
export function quoted(value: string): string {
  return isShowable(value) ? `"${value}"` : MASK
}

/**
 * Shows the text on one line with carets under a place, a window of it where it is long.
 *
 * @param hidden - spans that hold secrets, in order and apart from each other; each is shown as `***`
 */
export function pointAt(text: string, place: Span, hidden: readonly Span[]): string {
  let shown = ''
  let at = 0
  const moved = { ...place }
  for (const { start, end } of hidden) {
    shown += text.slice(at, start) + MASK
    const shift = MASK.length - (end - start)
    if (place.start >= end) moved.start += shift
    else if (place.start > start) moved.start = shown.length - MASK.length
    if (place.end >= end) moved.end += shift
    else if (place.end > start) moved.end = shown.length
    at = end
  }
  // One column for one character, so that the carets stand under what they mean.
  const line = (shown + text.slice(at)).replace(/\p{Cc}/gu, ' ')
  const from = Math.max(0, Math.min(moved.start - WIDTH / 2, line.length - WIDTH))
  const before = from > 0 ? '…' : ''
  const after = from + WIDTH < line.length ? '…' : ''
  const carets = Math.max(1, Math.min(moved.end, from + WIDTH) - moved.start)
  return [
    `  ${before}${line.slice(from, from + WIDTH)}${after}`,
    `  ${' '.repeat(before.length + moved.start - from)}${'^'.repeat(carets)}`,
  ].join('\n')
}
