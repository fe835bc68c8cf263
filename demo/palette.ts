type Paint = (text: string) => string

/** Colours, or none. */
export interface Palette {
  dim: Paint
  bold: Paint
  good: Paint
  warn: Paint
  bad: Paint
}

const ansi =
  (code: number): Paint =>
  (text) =>
    `\u001b[${code}m${text}\u001b[0m`
const plain: Paint = (text) => text

export const coloured: Palette = { dim: ansi(2), bold: ansi(1), good: ansi(32), warn: ansi(33), bad: ansi(31) }
export const colourless: Palette = { dim: plain, bold: plain, good: plain, warn: plain, bad: plain }

const BAR = 32

/** A bar that is full to this share, from 0 to 1. */
export function bar(share: number, paint: Paint, palette: Palette): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * BAR)
  return paint('█'.repeat(full)) + palette.dim('░'.repeat(BAR - full))
}
