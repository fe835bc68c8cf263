import type { AdapterStats } from '../src/index.ts'
import { percentile, type Recording } from './recording.ts'
import type { Palette, Picture } from './screen.ts'

/** A moment of a run, in ms since the epoch; how long the run takes, and how long tokens live, in s. */
export interface Moment {
  now: number
  seconds: number
  tokenLife: number
}

/** The time that rates and latencies are computed over, in ms. */
const RECENT = 2_000

export function pictureOf(recording: Recording, stats: AdapterStats, moment: Moment): Picture {
  const { now, seconds } = moment
  const recent = recording.recent(now, RECENT)
  const figures = {
    // In s. Work that is still running when the time is up belongs to the run.
    elapsed: Math.min((now - recording.startedAt) / 1000, seconds),
    tokenLeft: Math.max(((stats.tokenExpiresOn ?? now) - now) / 1000, 0),
    perSecond: (recent.length / (RECENT / 1000)).toFixed(0),
    p50: percentile(recent, 0.5),
    p99: percentile(recent, 0.99),
    open: String(stats.connectionsOpen),
    rotations: String(stats.rotations),
  }
  return {
    lines: (palette, columns) => [
      ...figureLines(recording, figures, moment, palette),
      '',
      ...lanes(recording, moment, palette, Math.max(columns - 1, 20)),
    ],
    line: () =>
      [
        `${figures.elapsed.toFixed(0).padStart(3)} s`,
        `token ${recording.tokens.length}: ${figures.tokenLeft.toFixed(1).padStart(4)} s left`,
        `${figures.open} open`,
        `${figures.perSecond} queries/s`,
        `p99 ${figures.p99.toFixed(0)} ms`,
        `${recording.failureCount} failed`,
      ].join('  '),
  }
}

interface Figures {
  elapsed: number
  tokenLeft: number
  perSecond: string
  p50: number
  p99: number
  open: string
  rotations: string
}

const BAR = 32

function figureLines(recording: Recording, figures: Figures, moment: Moment, { style }: Palette): string[] {
  const { elapsed, tokenLeft, perSecond, p50, p99, open, rotations } = figures
  const { seconds, tokenLife } = moment
  const row = (label: string, text: string) => style('dim', label.padEnd(12)) + text
  const bold = (text: string) => style('bold', text)
  const bar = (share: number, colour: 'dim' | 'green' | 'yellow') => {
    const full = Math.round(Math.min(Math.max(share, 0), 1) * BAR)
    return style(colour, '█'.repeat(full)) + style('dim', '░'.repeat(BAR - full))
  }
  const left = tokenLeft / tokenLife
  const failed = recording.failureCount
  return [
    row('time', `${bar(elapsed / seconds, 'dim')}  ${elapsed.toFixed(0)} of ${seconds} s`),
    row('token', `${bar(left, left < 0.25 ? 'yellow' : 'green')}  ${tokenLeft.toFixed(1)} s left`),
    row('token from', bold(recording.credential ?? 'none')),
    row(
      'queries',
      `${bold(perSecond)} a second, ${recording.samples.length} in all, ` +
        `p50 ${bold(p50.toFixed(1))} ms, p99 ${bold(p99.toFixed(1))} ms`,
    ),
    row('rotations', bold(rotations)),
    row('failures', style(failed === 0 ? 'green' : 'red', String(failed))),
    row('connections', `${bold(open)} open: a lane each, a colour for each token`),
  ]
}

/** How much of the picture is past and how much is to come, in lives of a token. */
const PAST = 1.7
const AHEAD = 0.9

/** A lane for each connection, and the end of each token. Time goes from left to right. */
function lanes(recording: Recording, { now, tokenLife }: Moment, palette: Palette, width: number): string[] {
  const life = tokenLife * 1000
  const cell = ((PAST + AHEAD) * life) / width
  const columnOf = (time: number) => Math.floor((time - now + PAST * life) / cell)
  const ends = new Map(recording.tokens.map((expiresOn, token) => [columnOf(expiresOn), token]))
  const rows = Array.from({ length: recording.laneCount }, () =>
    Array.from({ length: width }, (_, column) => {
      const token = ends.get(column)
      return token === undefined ? ' ' : palette.token(token, '┊')
    }),
  )
  for (const { lane, token, openedAt, closedAt = now } of recording.connections) {
    const from = Math.max(columnOf(openedAt), 0)
    const until = Math.min(columnOf(closedAt) + 1, width)
    if (from < until) rows[lane]?.fill(palette.cell(token), from, until)
  }
  const scale = `${' '.repeat(columnOf(now))}${palette.style('bold', 'now')}`
  return [labels(ends, width, palette), ...rows.map((row) => row.join('')), scale]
}

/** A line that labels the end of each token if there is room. */
function labels(ends: ReadonlyMap<number, number>, width: number, palette: Palette): string {
  let line = ''
  let length = 0
  for (const [column, token] of ends) {
    const text = `token ${token + 1} ends ▾`
    const gap = column + 1 - text.length - length
    if (gap < 0 || column >= width) continue
    line += ' '.repeat(gap) + palette.token(token, text)
    length = column + 1
  }
  return line
}
