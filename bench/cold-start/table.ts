import { markdownTable } from '../markdown.ts'
import { spreadOf } from '../statistics.ts'
import type { Counts } from './azure.ts'
import type { Start } from './run-program.ts'

/** One run of a program. */
export type Run = Start & Counts

/** The runs of one program. */
export interface Row {
  name: string
  runs: readonly Run[]
}

/** A table in Markdown; times are medians, with the quartiles, and as ratios to the first row's. */
export function tableOf(rows: readonly Row[]): string {
  const first = rows[0] === undefined ? Number.NaN : spreadOf(rows[0].runs.map(({ firstRow }) => firstRow)).median
  const lines = rows.map(({ name, runs }) => {
    const { median, from, to } = spreadOf(runs.map(({ firstRow }) => firstRow))
    const cpu = spreadOf(runs.map((run) => run.cpu)).median
    const counts = (['tokenRequests', 'logins', 'roundTrips', 'bytes'] as const).map((count) =>
      rangeOf(runs.map((run) => run[count])),
    )
    return [name, `${median.toFixed(0)} (${from.toFixed(0)} to ${to.toFixed(0)})`, (median / first).toFixed(2)].concat(
      cpu.toFixed(0),
      counts,
    )
  })
  const head = ['', 'first row, ms', 'ratio', 'CPU, ms', 'token requests', 'logins', 'TDS round trips', 'bytes']
  return markdownTable(head, lines)
}

/** One number where all are the same. */
function rangeOf(values: readonly number[]): string {
  const least = Math.min(...values)
  const most = Math.max(...values)
  return least === most ? String(least) : `${least} to ${most}`
}
