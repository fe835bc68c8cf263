import type { AdapterStats } from '../src/index.ts'
import { percentile, type Recording } from './recording.ts'
import { bar, type Palette, type Picture } from './screen.ts'

/** A moment of a run. */
export interface Moment {
  /** In ms since the epoch. */
  now: number
  /** How long the workload runs, in s. */
  seconds: number
  /** How long tokens live, in s. */
  tokenLife: number
}

/** What is counted over, in ms. */
const RECENT = 2_000

export function pictureOf(recording: Recording, stats: AdapterStats, moment: Moment): Picture {
  return {
    lines: (palette, columns) => [
      ...figures(recording, stats, moment, palette),
      '',
      ...lanes(recording, moment, palette, columns),
    ],
    line: () => lineOf(recording, stats, moment),
  }
}

function figures(recording: Recording, stats: AdapterStats, moment: Moment, palette: Palette): string[] {
  const { dim, bold, good, warn, bad } = palette
  const { elapsed, tokenLeft, perSecond, p50, p99 } = valuesOf(recording, stats, moment)
  const label = (text: string) => dim(text.padEnd(12))
  const left = tokenLeft / moment.tokenLife
  const failed = recording.failureCount
  return [
    `${label('time')}${bar(elapsed / moment.seconds, dim, palette)}  ${elapsed.toFixed(0)} of ${moment.seconds} s`,
    `${label('token')}${bar(left, left < 0.25 ? warn : good, palette)}  ${tokenLeft.toFixed(1)} s left`,
    `${label('given by')}${bold(recording.credential ?? 'none')}`,
    `${label('queries')}${bold(perSecond.toFixed(0))} a second, ${recording.samples.length} in all, ` +
      `p50 ${bold(p50.toFixed(1))} ms, p99 ${bold(p99.toFixed(1))} ms`,
    `${label('rotations')}${bold(String(stats.rotations))}`,
    `${label('failures')}${failed === 0 ? good('0') : bad(String(failed))}`,
    `${label('connections')}${bold(String(stats.connectionsOpen))} open: a lane each, a colour for each token`,
  ]
}

/** How much of the picture is past and how much is to come, in lives of a token. */
const PAST = 1.7
const AHEAD = 0.9

/** One lane for each connection, and where each token ends. Time goes from left to right. */
function lanes(recording: Recording, { now, tokenLife }: Moment, palette: Palette, columns: number): string[] {
  const width = Math.max(columns - 1, 20)
  const life = tokenLife * 1000
  const cell = ((PAST + AHEAD) * life) / width
  const startedAt = now - PAST * life
  const columnOf = (time: number) => Math.floor((time - startedAt) / cell)
  const ends = new Map(recording.tokens.map((expiresOn, token) => [columnOf(expiresOn), token]))
  const rows = Array.from({ length: recording.laneCount }, () =>
    Array.from({ length: width }, (_, column) => {
      const token = ends.get(column)
      return token === undefined ? ' ' : palette.token(token)('┊')
    }),
  )
  for (const { lane, token, openedAt, closedAt = now } of recording.connections) {
    const last = Math.min(columnOf(closedAt), width - 1)
    for (let column = Math.max(columnOf(openedAt), 0); column <= last; column++) {
      const row = rows[lane]
      if (row !== undefined) row[column] = palette.cell(token)
    }
  }
  const nowColumn = columnOf(now)
  const scale = `${' '.repeat(nowColumn)}${palette.bold('now')}`
  return [labels(ends, width, palette), ...rows.map((row) => row.join('')), scale]
}

/** A line that names the end of each token, where there is room for it. */
function labels(ends: ReadonlyMap<number, number>, width: number, { token: paint }: Palette): string {
  let line = ''
  let length = 0
  for (const [column, token] of ends) {
    const text = `token ${token + 1} ends ▾`
    const gap = column + 1 - text.length - length
    if (gap < 0 || column >= width) continue
    line += ' '.repeat(gap) + paint(token)(text)
    length = column + 1
  }
  return line
}

function lineOf(recording: Recording, stats: AdapterStats, moment: Moment): string {
  const { elapsed, tokenLeft, perSecond, p99 } = valuesOf(recording, stats, moment)
  return [
    `${elapsed.toFixed(0).padStart(3)} s`,
    `token ${recording.tokens.length}: ${tokenLeft.toFixed(1).padStart(4)} s left`,
    `${stats.connectionsOpen} open`,
    `${perSecond.toFixed(0)} queries/s`,
    `p99 ${p99.toFixed(0)} ms`,
    `${recording.failureCount} failed`,
  ].join('  ')
}

function valuesOf(recording: Recording, stats: AdapterStats, { now, seconds }: Moment) {
  const recent = recording.recent(now, RECENT)
  return {
    /** In s. What is still running when the time is up belongs to it. */
    elapsed: Math.min((now - recording.startedAt) / 1000, seconds),
    /** In s. */
    tokenLeft: Math.max(((stats.tokenExpiresOn ?? now) - now) / 1000, 0),
    perSecond: recent.length / (RECENT / 1000),
    p50: percentile(recent, 0.5),
    p99: percentile(recent, 0.99),
  }
}
