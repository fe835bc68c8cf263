import { NAMES } from './display.ts'
import type { Handover, Recording, Sample } from './recording.ts'

const WIDTH = 900
const LEFT = 64
const RIGHT = 24
const LATENCIES_HEIGHT = 80
const LANE = 16
/** More dots than this make the file large and the picture no clearer. */
const MOST_DOTS = 800
/** Bars with less room than this carry no number, in pixels. */
const ROOM_FOR_NUMBER = 28

/** How wide the name of a token's end is, in pixels. */
const LABEL = 90

/** What of a run is drawn where. */
interface Panel {
  /** In ms since the epoch. */
  from: number
  until: number
  top: number
}

/**
 * A picture of a run: latencies above, below them a lane for each connection in the colour of its token, with a
 * line where each token ends; then one handover, enlarged, or the same of the official adapter.
 *
 * @param until - where the picture ends, in ms since the epoch
 * @param tokenLife - in s
 */
export function drawChart(recording: Recording, until: number, tokenLife: number, official?: Recording): string {
  const ours = blockOf(official ? NAMES.ours : 'Every query', recording, 84, until)
  const theirs = official && blockOf(`${NAMES.official}, token given once`, official, ours.bottom + 56, until)
  // The first handover is of a cold process.
  const shown = official ? undefined : recording.handovers[Math.min(1, recording.handovers.length - 1)]
  const zoom = shown && { ...windowOf(shown), top: ours.bottom + 100 }
  const height = (zoom ? zoom.top + recording.laneCount * LANE : (theirs ?? ours).bottom) + 34
  const title = official
    ? `The same load on tokens of ${tokenLife} s: ${failuresOf(recording)}, or ${official.failureCount.toLocaleString('en')} with a token given once`
    : `${recording.samples.length.toLocaleString('en')} queries on tokens of ${tokenLife} s: ${failuresOf(recording)}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${title}">`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    text(LEFT, 30, title, 'title'),
    text(LEFT, 52, 'Each dot is a query, red if it failed. Each bar is a connection, in the colour of its token.'),
    ...timeAxis(ours.lanes, ours.bottom),
    ...(zoom === undefined ? [] : [loupe(ours.lanes, ours.bottom, zoom)]),
    ...ours.drawn,
    ...(theirs ? [...timeAxis(theirs.lanes, theirs.bottom), ...theirs.drawn] : []),
    ...(zoom === undefined ? [] : enlarged(recording, ours.lanes, zoom)),
    '</svg>',
    '',
  ].join('\n')
}

function failuresOf({ failureCount }: Recording): string {
  return failureCount === 1 ? '1 failure' : `${failureCount.toLocaleString('en')} failures`
}

/** Latencies and lanes of one side, under a heading. */
function blockOf(name: string, recording: Recording, top: number, until: number) {
  const lanes: Panel = { from: recording.startedAt, until, top: top + 12 + LATENCIES_HEIGHT + 34 }
  const bottom = lanes.top + recording.laneCount * LANE
  const heading = `${name}: ${recording.samples.length.toLocaleString('en')} queries, ${failuresOf(recording)}`
  const drawn = [
    text(LEFT, top, heading, 'head'),
    ...latencies(recording.samples, lanes, top + 12),
    ...tokenEnds(recording, lanes, bottom),
    ...bars(recording, lanes),
  ]
  return { lanes, bottom, drawn }
}

const STYLE = `
text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#57606a}
.title{font-size:17px;font-weight:600;fill:#1f2328}.head{font-weight:600;fill:#1f2328}
.paper{fill:#fff;stroke:#d0d7de}.grid{stroke:#d0d7de}.loupe{fill:#57606a;fill-opacity:.1;stroke:#57606a;stroke-opacity:.5}
.dot,.failed{stroke-linecap:round;stroke-width:3;stroke:#57606a;opacity:.4}.failed{stroke:#d1242f;stroke-width:5;opacity:.7}.number{fill:#fff;font-size:11px}
.end{stroke-width:1.5;stroke-dasharray:4 3;fill:none}
.t0{fill:#0969da;stroke:#0969da}.t1{fill:#bc4c00;stroke:#bc4c00}.t2{fill:#8250df;stroke:#8250df}.t3{fill:#1b7c83;stroke:#1b7c83}
rect.t0,rect.t1,rect.t2,rect.t3,text.t0,text.t1,text.t2,text.t3{stroke:none}
@media(prefers-color-scheme:dark){text{fill:#9198a1}.title,.head{fill:#f0f6fc}.paper{fill:#0d1117;stroke:#3d444d}.grid{stroke:#30363d}
.loupe{fill:#9198a1;stroke:#9198a1}.dot{stroke:#9198a1}.failed{stroke:#f85149}.number{fill:#fff}
text.t0{fill:#58a6ff}text.t1{fill:#f0883e}text.t2{fill:#bc8cff}text.t3{fill:#39c5cf}}`.replaceAll('\n', '')

const COLOURS = 4
const colourOf = (token: number) => `t${token % COLOURS}`
const round = (value: number) => Math.round(value * 10) / 10

function xOf(time: number, { from, until }: Panel): number {
  const share = Math.min(Math.max((time - from) / (until - from), 0), 1)
  return LEFT + share * (WIDTH - LEFT - RIGHT)
}

function text(x: number, y: number, content: string, style = '', anchor = 'start'): string {
  const named = style === '' ? '' : ` class="${style}"`
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${named}>${content}</text>`
}

function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<line class="${style}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`
}

/** Steps that a person counts in, in ms. */
const STEPS = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000]

function timeAxis(panel: Panel, bottom: number): string[] {
  const length = panel.until - panel.from
  const step = STEPS.find((it) => length / it <= 10) ?? length
  const parts: string[] = []
  for (let ms = 0; ms <= length; ms += step) {
    const x = xOf(panel.from + ms, panel)
    const label = length < 2_000 ? `${ms} ms` : `${ms / 1_000} s`
    parts.push(line(x, panel.top, x, bottom + 4, 'grid'), text(x, bottom + 18, label, '', 'middle'))
  }
  return parts
}

function latencies(samples: readonly Sample[], panel: Panel, top: number): string[] {
  const decades = Math.ceil(Math.log10(Math.max(100, ...samples.map(({ latency }) => latency))))
  const yOf = (latency: number) => top + LATENCIES_HEIGHT * (1 - Math.log10(Math.max(latency, 1)) / decades)
  const axis = Array.from({ length: decades + 1 }, (_, power) => {
    const y = yOf(10 ** power)
    const label = power < 3 ? `${10 ** power} ms` : `${10 ** (power - 3)} s`
    return line(LEFT, y, WIDTH - RIGHT, y, 'grid') + text(LEFT - 8, y + 4, label, '', 'end')
  })
  // Dots of no length with round ends, in one path. Where several are in the same place, one is drawn.
  const dots = (style: string, shown: readonly Sample[], most: number) => {
    const places = shown.map(({ at, latency }) => `M${Math.round(xOf(at, panel))} ${Math.round(yOf(latency))}h0`)
    const each = [...new Set(places)]
    const every = Math.max(1, Math.ceil(each.length / most))
    return `<path class="${style}" d="${each.filter((_, i) => i % every === 0).join('')}"/>`
  }
  const [good, failed] = [samples.filter((it) => !it.failed), samples.filter((it) => it.failed)]
  return [...axis, dots('dot', good, MOST_DOTS), dots('failed', failed, MOST_DOTS)]
}

function bars({ connections }: Recording, panel: Panel): string[] {
  return connections.flatMap(({ connection, lane, token, openedAt, closedAt = panel.until }) => {
    if (closedAt <= panel.from || openedAt >= panel.until) return []
    const x = xOf(openedAt, panel)
    const width = Math.max(xOf(closedAt, panel) - x, 1)
    const y = panel.top + lane * LANE + 1
    const height = LANE - 3
    const rect = `<rect class="${colourOf(token)}" x="${round(x)}" y="${y}" width="${round(width)}" height="${height}" rx="2"/>`
    const number = width < ROOM_FOR_NUMBER ? '' : text(x + 5, y + height / 2 + 4, `${connection}`, 'number')
    return rect + number
  })
}

function tokenEnds({ tokens }: Recording, panel: Panel, bottom: number): string[] {
  return tokens.flatMap((expiresOn, token) => {
    if (expiresOn > panel.until || expiresOn < panel.from) return []
    const x = xOf(expiresOn, panel)
    const style = colourOf(token)
    return [
      line(x, panel.top - 6, x, bottom, `end ${style}`),
      text(Math.min(x, WIDTH - RIGHT - LABEL / 2), panel.top - 10, `token ${token + 1} expires`, style, 'middle'),
    ]
  })
}

/** A little before the handover until a little after it. */
function windowOf({ startedAt, finishedAt }: Handover): Pick<Panel, 'from' | 'until'> {
  const margin = Math.max(finishedAt - startedAt, 100) / 4
  return { from: startedAt - margin, until: finishedAt + margin }
}

/** Where the handover is in the run, and that it is shown enlarged below. */
function loupe(lanes: Panel, bottom: number, zoom: Panel): string {
  const [left, right] = [round(xOf(zoom.from, lanes)), round(xOf(zoom.until, lanes))]
  const neck = bottom + 26
  const base = zoom.top - 34
  return `<path class="loupe" d="M${left} ${lanes.top}H${right}V${neck}L${WIDTH - RIGHT} ${base}H${LEFT}L${left} ${neck}Z"/>`
}

function enlarged(recording: Recording, lanes: Panel, zoom: Panel): string[] {
  const factor = (lanes.until - lanes.from) / (zoom.until - zoom.from)
  return [
    text(LEFT, zoom.top - 12, `One handover, ${Math.round(factor)} times closer`, 'head'),
    ...timeAxis(zoom, zoom.top + recording.laneCount * LANE),
    ...bars(recording, zoom),
  ]
}
