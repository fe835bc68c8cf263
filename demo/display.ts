import { type ConnectionSpan, percentile, type Recording } from './recording.ts'
import type { Palette, Picture } from './screen.ts'

/** A moment of a run, in ms since the epoch; how long the run takes, and how long tokens live, in s. */
export interface Moment {
  now: number
  seconds: number
  tokenLife: number
}

/** What each half of the screen, and of the table at the end, is called. */
export const NAMES = { ours: 'prisma-adapter-mssql-entra', official: '@prisma/adapter-mssql' }

/** The time that rates and latencies are computed over, in ms. */
const RECENT = 2_000

/** A run as it is now; with `--compare`, the official adapter's in the second half. */
export function pictureOf(ours: Recording, moment: Moment, official?: Recording): Picture {
  const { now, seconds, tokenLife } = moment
  // Work that is still running when the time is up belongs to the run.
  const elapsed = Math.min((now - ours.startedAt) / 1000, seconds)
  return {
    lines(palette, columns, rows) {
      const width = Math.max(columns - 1, 40)
      const time = `${elapsed.toFixed(0).padStart(3)} of ${seconds} s`
      const title = `Tokens live ${tokenLife} s`
      const top = `${palette.style('bold', title)}   ${bar(elapsed / seconds, width - title.length - time.length - 5, 'dim', palette)}  ${time}`
      // Each line but lanes; a terminal scrolls if the last row is written.
      const room = rows - 1 - 8 - (official === undefined ? 0 : 4)
      const officialLanes = Math.min(official?.laneCount ?? 0, Math.floor(room / 2))
      const half = { moment, palette, width }
      return [
        top,
        '',
        ...headOf(NAMES.ours, ours, half),
        tokenEnds(ours, half),
        ...lanesOf(ours, room - officialLanes, half),
        figuresOf(ours, half),
        ...(official === undefined
          ? []
          : ['', ...headOf(NAMES.official, official, half), ...lanesOf(official, officialLanes, half)]),
      ]
    },
    line() {
      const last = ours.tokens.length - 1
      const { left, open } = tokenOf(ours, last, now)
      const old = ours.connections.filter((it) => isOpen(it) && it.token < last).length
      return [
        `${elapsed.toFixed(0).padStart(3)} of ${seconds} s`,
        last < 0 ? 'signing in' : `token ${last + 1}: ${left.toFixed(1).padStart(4)} s left`,
        `connections: ${old} old, ${open} new`,
        `${ours.failureCount} failed`,
        ...(official === undefined ? [] : [`official: ${official.failureCount} failed`]),
      ].join('  ')
    },
  }
}

/** Where and for when a half is drawn. */
interface Half {
  moment: Moment
  palette: Palette
  width: number
}

const isOpen = ({ closedAt }: ConnectionSpan) => closedAt === undefined

function tokenOf({ tokens, connections }: Recording, token: number, now: number) {
  const left = Math.max(((tokens[token] ?? now) - now) / 1000, 0)
  return { left, open: connections.filter((it) => isOpen(it) && it.token === token).length }
}

function bar(share: number, width: number, colour: 'dim' | 'green' | 'yellow', { style }: Palette): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * width)
  return style(colour, '█'.repeat(full)) + style('dim', '░'.repeat(width - full))
}

/** Whose half it is and how it fares; below, the last tokens: how long each has, and how many connections are of it. */
function headOf(name: string, recording: Recording, half: Half): string[] {
  const { palette, width } = half
  const failed = recording.failureCount
  const count = `${failed} ${failed === 1 ? 'failure' : 'failures'}`
  const of = ` in ${recording.samples.length} queries`
  const gap = ' '.repeat(Math.max(width - name.length - count.length - of.length, 1))
  const heading =
    palette.style('bold', name) + gap + palette.style(failed === 0 ? ['bold', 'green'] : ['bold', 'red'], count) + of
  const last = recording.tokens.length - 1
  if (name === NAMES.official) return [heading, tokenLine(recording, 0, 'given once', half)]
  // Two lines at all times, or else the panel would jump.
  if (last < 1) return [heading, tokenLine(recording, 0, 'new', half), '']
  return [heading, tokenLine(recording, last - 1, 'old', half), tokenLine(recording, last, 'new', half)]
}

function tokenLine(recording: Recording, token: number, role: string, { moment, palette, width }: Half): string {
  if (recording.tokens.length === 0) return palette.style('dim', 'signing in …')
  const { left, open } = tokenOf(recording, token, moment.now)
  const share = left / moment.tokenLife
  const label = `token ${token + 1}, ${role}`.padEnd(20)
  const time = (left === 0 ? 'expired' : `${left.toFixed(1)} s left`).padStart(12)
  const connections = `${String(open).padStart(2)} ${open === 1 ? 'connection' : 'connections'}`
  const shown = bar(share, Math.max(Math.min(width - 54, 30), 4), share < 0.25 ? 'yellow' : 'green', palette)
  return `${palette.token(token, '▆')} ${palette.token(token, label)}${time}  ${shown}  ${connections}`
}

function figuresOf(recording: Recording, { moment, palette }: Half): string {
  const recent = recording.recent(moment.now, RECENT)
  const [p50, p99] = [0.5, 0.99].map((share) => percentile(recent, share).toFixed(1))
  const text = `${(recent.length / (RECENT / 1000)).toFixed(0)} a second, p50 ${p50} ms, p99 ${p99} ms`
  return palette.style('dim', `${text}, ${recording.handovers.length} rotations`)
}

/** How much of the picture is past and how much is to come, in lives of a token. */
const PAST = 1.7
const AHEAD = 0.9

function columnsFor({ moment: { now, tokenLife }, width }: Half): (time: number) => number {
  const life = tokenLife * 1000
  const cell = ((PAST + AHEAD) * life) / width
  return (time) => Math.floor((time - now + PAST * life) / cell)
}

/** A lane for each connection in the colours of its tokens, and what became of queries. Time goes from left to right. */
function lanesOf(recording: Recording, most: number, half: Half): string[] {
  const { moment, palette, width } = half
  const columnOf = columnsFor(half)
  const present = columnOf(moment.now)
  const ends = new Map(recording.tokens.map((expiresOn, token) => [columnOf(expiresOn), token]))
  const shown = recording.laneCount > most ? most - 1 : recording.laneCount
  const rows = Array.from({ length: shown }, () =>
    Array.from({ length: width }, (_, column) => {
      const token = ends.get(column)
      return token === undefined ? ' ' : palette.token(token, '┊')
    }),
  )
  for (const { lane, token, openedAt, closedAt = moment.now } of recording.connections) {
    const from = Math.max(columnOf(openedAt), 0)
    const until = Math.min(columnOf(closedAt) + 1, width)
    if (from < until) rows[lane]?.fill(palette.cell(token), from, until)
  }
  const queries: string[] = Array(present + 1).fill(' ')
  for (const { at, failed } of recording.recent(moment.now, PAST * moment.tokenLife * 1000)) {
    if (failed) queries[columnOf(at)] = palette.style('red', '✗')
    else if (queries[columnOf(at)] === ' ') queries[columnOf(at)] = palette.style('green', '·')
  }
  const more = shown < recording.laneCount ? [palette.style('dim', `… ${recording.laneCount - shown} more`)] : []
  return [...rows.map((row) => row.join('')), ...more, `${queries.join('')} ${palette.style('bold', 'now')}`]
}

/** A line that labels the end of each token if there is room. */
function tokenEnds({ tokens }: Recording, half: Half): string {
  const columnOf = columnsFor(half)
  let line = ''
  let length = 0
  for (const [token, expiresOn] of tokens.entries()) {
    const column = columnOf(expiresOn)
    const text = `token ${token + 1} ends ▾`
    const gap = column + 1 - text.length - length
    if (gap < Math.min(length, 1) || column >= half.width) continue
    line += ' '.repeat(gap) + half.palette.token(token, text)
    length = column + 1
  }
  return line
}
