import type { GenerationSpan, Recording, Sample } from './recording.ts'

const WIDTH = 900
const LEFT = 64
const RIGHT = 24
const TOP = 64
const LANE = 26
const DOTS_HEIGHT = 220
const GAP = 40
/** More dots than this make the file large and the picture no clearer; failures are drawn all. */
const MOST_DOTS = 1_500

interface Scale {
  x: (time: number) => number
  y: (latency: number) => number
}

/** A picture of a run: generations as bars with the end of their token, each query as a dot, failures in red. */
export function drawChart(recording: Recording, now: number, tokenLife: number): string {
  const generations = recording.generations.filter(({ openedAt }) => openedAt <= now)
  const dotsTop = TOP + generations.length * LANE + GAP
  const height = dotsTop + DOTS_HEIGHT + 56
  const seconds = (now - recording.startedAt) / 1000
  const slowest = Math.max(10, ...recording.samples.map(({ latency }) => latency))
  const decades = Math.ceil(Math.log10(slowest))
  const scale: Scale = {
    x: (time) => LEFT + ((time - recording.startedAt) / (now - recording.startedAt)) * (WIDTH - LEFT - RIGHT),
    y: (latency) => dotsTop + DOTS_HEIGHT * (1 - Math.log10(Math.max(latency, 1)) / decades),
  }
  const title = `${recording.samples.length} queries, ${generations.length - 1} rotations, ${recording.failureCount} failures`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${title}">`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}" rx="8"/>`,
    text(LEFT, 28, `${title}: tokens of ${tokenLife} s`, 'title'),
    text(
      LEFT,
      48,
      'bar: a generation of connections; paler: draining; line: its token expires; dot: a query; red: it failed',
    ),
    ...timeAxis(seconds, recording.startedAt, scale, height),
    ...generations.map((span, lane) => generation(span, lane, scale, now)),
    ...latencyAxis(decades, scale),
    ...dots(recording.samples, scale),
    '</svg>',
    '',
  ].join('\n')
}

const STYLE = `
text{font:12px system-ui,sans-serif;fill:#57606a}.title{font-size:16px;font-weight:600;fill:#24292f}
.paper{fill:#fff}.grid{stroke:#d0d7de;stroke-width:1}.bar{fill:#2f81f7}.draining{fill:#2f81f7;opacity:.35}
.end{stroke:#bf8700;stroke-width:2}.dot{fill:#1a7f37;opacity:.45}.failed{fill:#d1242f}.id{fill:#fff;font-weight:600}
@media(prefers-color-scheme:dark){text{fill:#9198a1}.title{fill:#f0f6fc}.paper{fill:#0d1117}.grid{stroke:#30363d}
.dot{fill:#3fb950}.end{stroke:#d29922}.failed{fill:#f85149}}`.replaceAll('\n', '')

const round = (value: number) => Math.round(value * 10) / 10

function text(x: number, y: number, content: string, style = '', anchor = 'start'): string {
  const named = style === '' ? '' : ` class="${style}"`
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${named}>${content}</text>`
}

function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<line class="${style}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`
}

function timeAxis(seconds: number, startedAt: number, scale: Scale, height: number): string[] {
  const step = [1, 2, 5, 10, 20, 30, 60].find((it) => seconds / it <= 12) ?? 120
  const parts: string[] = []
  for (let second = 0; second <= seconds; second += step) {
    const x = scale.x(startedAt + second * 1000)
    parts.push(line(x, TOP, x, height - 40, 'grid'), text(x, height - 22, `${second} s`, '', 'middle'))
  }
  return parts
}

function latencyAxis(decades: number, scale: Scale): string[] {
  return Array.from({ length: decades + 1 }, (_, power) => {
    const y = scale.y(10 ** power)
    return line(LEFT, y, WIDTH - RIGHT, y, 'grid') + text(LEFT - 8, y + 4, `${10 ** power} ms`, '', 'end')
  })
}

function generation(span: GenerationSpan, lane: number, scale: Scale, now: number): string {
  const y = TOP + lane * LANE + 4
  const opened = scale.x(span.openedAt)
  const retired = scale.x(span.retiredAt ?? now)
  const closed = scale.x(span.closedAt ?? now)
  const bar = (from: number, to: number, style: string) =>
    `<rect class="${style}" x="${round(from)}" y="${y}" width="${round(Math.max(to - from, 1))}" height="${LANE - 8}" rx="3"/>`
  const draining = closed > retired + 1 ? bar(retired, closed, 'draining') : ''
  const end = scale.x(span.tokenExpiresOn)
  const mark = span.tokenExpiresOn <= now ? line(end, y - 3, end, y + LANE - 5, 'end') : ''
  return (
    bar(opened, Math.max(retired, opened + 1), 'bar') + draining + mark + text(opened + 6, y + 13, `${span.id}`, 'id')
  )
}

function dots(samples: readonly Sample[], scale: Scale): string[] {
  const every = Math.max(1, Math.ceil(samples.length / MOST_DOTS))
  const shown = samples.filter(({ failed }, i) => failed || i % every === 0)
  return shown.map(({ at, latency, failed }) => {
    const [style, radius] = failed ? ['failed', 4] : ['dot', 1.8]
    return `<circle class="${style}" cx="${round(scale.x(at))}" cy="${round(scale.y(latency))}" r="${radius}"/>`
  })
}
