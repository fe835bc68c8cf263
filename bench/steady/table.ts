import { markdownTable } from '../markdown.ts'
import { spreadOf } from '../statistics.ts'
import type { Yield } from './client.ts'
import type { Contestant } from './contestants.ts'

/** What all yielded in one situation, turn by turn. */
export interface Cell {
  /** Of the network in each direction, in ms. */
  delay: number
  workers: number
  yields: Record<Contestant, Yield[]>
}

export const TITLES: Readonly<Record<Contestant, string>> = {
  official: '`@prisma/adapter-mssql`',
  socket: "the same, `validateConnection: 'socket'`",
  ours: 'ours',
  tedious: '`tedious` alone',
}

/** What is compared, and with whom. */
const PEERS = { queriesPerSecond: 'official', cpu: 'socket' } as const

/** How much of its peer's figure one has: the median of the ratios of each turn. */
export function ratio(cell: Cell, contestant: Contestant, figure: keyof Yield): number {
  const peer = cell.yields[PEERS[figure]]
  return spreadOf(cell.yields[contestant].map((own, turn) => own[figure] / (peer[turn]?.[figure] ?? Number.NaN))).median
}

export function tableOf(cells: readonly Cell[]): string {
  const head = ['', 'delay, ms', 'workers', 'queries/s', 'of the official', 'CPU a query, µs', "of `'socket'`"]
  const rows = cells.flatMap((cell) =>
    (Object.keys(TITLES) as Contestant[]).map((contestant) => {
      const median = (figure: keyof Yield) => spreadOf(cell.yields[contestant].map((own) => own[figure])).median
      const share = (figure: keyof Yield) => ratio(cell, contestant, figure).toFixed(2)
      const { delay, workers } = cell
      const queries = [median('queriesPerSecond').toFixed(0), share('queriesPerSecond')]
      return [TITLES[contestant], String(delay), String(workers), ...queries, median('cpu').toFixed(0), share('cpu')]
    }),
  )
  return markdownTable(head, rows)
}

/** The goals of it, in a line each. */
export function summaryOf(cells: readonly Cell[]): string {
  const [queries, cpu] = (['queriesPerSecond', 'cpu'] as const).map((figure) => {
    const ratios = cells.map((cell) => ratio(cell, 'ours', figure))
    return `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
  })
  return `Ours: ${queries} of the official adapter's queries (goal: 1.7), ${cpu} of \`'socket'\`'s CPU time (goal: 1.0).`
}
