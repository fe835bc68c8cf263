import type { Run } from './terminal.ts'

/** What a terminal showed, and for how long. */
export interface Frame {
  lines: readonly (readonly Run[])[]
  /** In s. */
  duration: number
}

const CELL = 8
const LINE = 18
const MARGIN = 16
/** A title bar with three dots. */
const TOP = 36

const STYLE = `
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d1d7e0;white-space:pre}
.w1{font-weight:700;fill:#f0f6fc}.w2{fill:#9198a1}path{stroke:none}path.w2{fill:#656c76}
.c30,.c90{fill:#656c76}.c31{fill:#ff7b72}.c32{fill:#56d364}.c33{fill:#e3b341}.c34{fill:#6cb6ff}.c35{fill:#d2a8ff}.c36{fill:#56d4dd}`
  .trim()
  .replaceAll('\n', '')

/**
 * Draws what a terminal showed one after the other, over and over; without animations, the last. A line that stays as it
 * is is drawn once.
 *
 * @param title - for those who do not see it
 * @param columns - how wide the terminal is
 */
export function drawTerminal(title: string, frames: readonly Frame[], columns: number): string {
  const total = frames.reduce((sum, { duration }) => sum + duration, 0)
  const starts = frames.map((_, i) => frames.slice(0, i).reduce((sum, { duration }) => sum + duration, 0))
  const height = Math.max(...frames.map(({ lines }) => lines.length))
  const spans = new Set<string>()
  const drawn: string[] = []
  for (let row = 0; row < height; row++) {
    const contents = frames.map(({ lines }) => drawLine(lines[row] ?? [], TOP + row * LINE))
    for (let from = 0, until = 0; from < frames.length; from = until) {
      while (until < frames.length && contents[until] === contents[from]) until++
      if (contents[from] === '') continue
      const always = from === 0 && until === frames.length
      if (!always) spans.add(`${from}-${until}`)
      const last = until === frames.length ? '' : ' class="off"'
      drawn.push(`<g${always ? '' : `${last} style="animation-name:f${from}-${until}"`}>${contents[from]}</g>`)
    }
  }
  const percent = (frame: number) => `${Math.round(((starts[frame] ?? total) / total) * 1_000) / 10}%`
  const keyframes = [...spans].map((span) => {
    const [from = 0, until = 0] = span.split('-').map(Number)
    const before = from === 0 ? '' : '0%{visibility:hidden}'
    const after = until === frames.length ? '' : `${percent(until)}{visibility:hidden}`
    return `@keyframes f${span}{${before}${percent(from)}{visibility:visible}${after}${until === frames.length ? '100%{visibility:visible}' : ''}}`
  })
  const [w, h] = [columns * CELL + 2 * MARGIN, TOP + height * LINE + MARGIN]
  const animated = `g{animation:${Math.round(total * 10) / 10}s step-end infinite}.off{visibility:hidden}@media(prefers-reduced-motion:reduce){g{animation:none}}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}${frames.length > 1 ? animated : ''}${keyframes.join('')}</style>`,
    `<rect width="${w}" height="${h}" rx="8" fill="#0d1117"/>`,
    ...['#ff5f57', '#febc2e', '#28c840'].map(
      (colour, i) => `<circle cx="${20 + i * 18}" cy="17" r="5" fill="${colour}"/>`,
    ),
    ...drawn,
    '</svg>',
    '',
  ].join('\n')
}

/** A line at its place; blocks as shapes, since fonts draw them with gaps. */
function drawLine(runs: readonly Run[], top: number): string {
  const parts = runs.flatMap(({ column, text, weight, colour }) =>
    [...text.matchAll(/[█▆]+|░+|[^█▆░\s]+(?: [^█▆░\s]+)*/g)].map(({ 0: piece, index }) => {
      const named = `${weight && `w${weight}`} ${colour && `c${colour}`}`.trim()
      const style = named && ` class="${named}"`
      const x = MARGIN + (column + index) * CELL
      const width = piece.length * CELL
      if (/[█▆░]/.test(piece)) {
        const opacity = piece.startsWith('░') ? ' opacity=".4"' : ''
        return `<path${style}${opacity} d="M${x} ${top + 3}h${width}v${LINE - 5}h-${width}z"/>`
      }
      // Whatever the font, columns stay columns.
      const length = piece.length > 1 ? ` textLength="${width}"` : ''
      return `<text${style} x="${x}" y="${top + 13}"${length}>${escaped(piece)}</text>`
    }),
  )
  return parts.join('')
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
