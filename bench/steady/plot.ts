import type { Yield } from './client.ts'
import type { Contestant } from './contestants.ts'
import { type Cell, ratio } from './table.ts'

const WIDTH = 900
const LEFT = 56
const RIGHT = 20
const TOP = 92
const PANEL = 170
const GAP = 76
const BARS: readonly (readonly [Contestant, string])[] = [
  ['official', 'official adapter'],
  ['socket', "official, validateConnection: 'socket'"],
  ['ours', 'ours'],
  ['tedious', 'tedious alone'],
]
const PANELS: readonly { figure: keyof Yield; title: string }[] = [
  { figure: 'queriesPerSecond', title: 'Queries a second, of the official adapter’s (more is better)' },
  { figure: 'cpu', title: 'CPU time of a query, of the official adapter’s with ‘socket’ (less is better)' },
]
const STYLE = `
text{font:12px system-ui,sans-serif;fill:#57606a}.title{font-size:16px;font-weight:600;fill:#24292f}
.paper{fill:#fff}.grid{stroke:#d0d7de;stroke-width:1}.one{stroke:#57606a;stroke-dasharray:4 3}
.official{fill:#afb8c1}.socket{fill:#6e7781}.ours{fill:#2f81f7}.tedious{fill:#d4a72c}
@media(prefers-color-scheme:dark){text{fill:#9198a1}.title{fill:#f0f6fc}.paper{fill:#0d1117}.grid{stroke:#30363d}
.official{fill:#484f58}.socket{fill:#8b949e}}`.replaceAll('\n', '')

/** A picture of the ratios: a panel a figure, a group of bars a situation. */
export function drawPlot(cells: readonly Cell[]): string {
  const height = TOP + PANELS.length * (PANEL + GAP)
  const title = 'A query in a steady state'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${title}">`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}" rx="8"/>`,
    text(LEFT, 28, title, 'title'),
    ...BARS.flatMap(([name, label], i) => [
      rect(LEFT + i * 205, 42, 12, 12, name),
      text(LEFT + 18 + i * 205, 52, label),
    ]),
    ...PANELS.flatMap(({ figure, title }, i) => panel(cells, figure, title, TOP + i * (PANEL + GAP))),
    '</svg>',
    '',
  ].join('\n')
}

function panel(cells: readonly Cell[], figure: keyof Yield, title: string, top: number): string[] {
  const ratios = cells.map((cell) => BARS.map(([name]) => ({ name, value: ratio(cell, name, figure) })))
  const most = Math.ceil(Math.max(...ratios.flat().map(({ value }) => value)) * 2) / 2
  const y = (value: number) => top + PANEL * (1 - value / most)
  const group = (WIDTH - LEFT - RIGHT) / cells.length
  const bar = (group * 0.8) / BARS.length
  const parts = [text(LEFT, top - 10, title)]
  for (let value = 0; value <= most; value += 0.5) {
    parts.push(line(y(value), value === 1 ? 'one' : 'grid'), text(LEFT - 8, y(value) + 4, value.toFixed(1), '', 'end'))
  }
  cells.forEach(({ delay, workers }, i) => {
    const x = LEFT + i * group + group * 0.1
    ratios[i]?.forEach(({ name, value }, j) => {
      parts.push(rect(x + j * bar, y(value), bar - 2, y(0) - y(value), name))
      parts.push(text(x + j * bar + bar / 2 - 1, y(value) - 4, value.toFixed(2), '', 'middle'))
    })
    const label = `${workers} ${workers === 1 ? 'worker' : 'workers'}, ${delay} ms`
    parts.push(text(x + group * 0.4, y(0) + 18, label, '', 'middle'))
  })
  return parts
}

const round = (value: number) => Math.round(value * 10) / 10

function rect(x: number, y: number, width: number, height: number, style: string): string {
  return `<rect class="${style}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"/>`
}

function line(y: number, style: string): string {
  return `<line class="${style}" x1="${LEFT}" y1="${round(y)}" x2="${WIDTH - RIGHT}" y2="${round(y)}"/>`
}

function text(x: number, y: number, content: string, style = '', anchor = 'start'): string {
  const named = style === '' ? '' : ` class="${style}"`
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${named}>${content}</text>`
}
