import type { Palette } from '../demo/palette.ts'
import type { Incident } from './incidents.ts'
import type { Report } from './report.ts'
import { faultsOf } from './verdict.ts'

const WIDTH = 34

/** The last thing that is printed. */
export function summaryOf(report: Report, palette: Palette): string {
  const { bold, dim, good, bad } = palette
  const row = (label: string, value: string) => `  ${dim(label.padEnd(WIDTH))}${bold(value)}`
  const { sockets, connections, leastTimeLeft } = report
  const faults = faultsOf(report)
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
  return [
    '',
    row('ran', `${duration(report.seconds)}, seed ${report.seed}`),
    row('rotations', `${report.rotations} (${report.rotationsUndisturbed} with no fault on)`),
    row('token requests', `${report.tokenRequests} (${report.tokenRequestsFailed} failed)`),
    row('logins', `${report.logins} (and ${report.loginsRefused} refused)`),
    row('queries and transactions', count(report.done)),
    row('the longest took', `${(report.longest / 1000).toFixed(1)} s`),
    row('failures that a fault explains', count(sum(report.failures.map(({ explained }) => explained)))),
    row('failures that nothing explains', count(sum(report.failures.map(({ unexplained }) => unexplained)))),
    ...report.failures.map((failure) => failureRow(failure, palette)),
    row('faults', `${sum(report.faults.map(({ faults }) => faults))} of ${report.faults.length} kinds`),
    ...report.faults.map(({ kind, faults, hits }) => dim(`    ${kind.padEnd(WIDTH - 2)}${faults} × (${hits} hits)`)),
    row('heap at start, at end', `${megabytes(report.heap.start)}, ${megabytes(report.heap.end)}`),
    row('heap, first quarter and last', growth(report)),
    row('sockets at start, at end', `${sockets.start}, ${sockets.end}`),
    row('sockets at most', `${sockets.most} (allowed: ${sockets.allowed})`),
    row('connections at most', `${connections.most} (allowed: ${connections.allowed})`),
    row('requests after expiry', String(report.requestsAfterExpiry)),
    row('least time left on a token in use', leastTimeLeft === undefined ? 'none seen' : seconds(leastTimeLeft)),
    row('rows', report.findings.length === 0 ? 'add up' : 'do not add up'),
    '',
    ...report.incidents.flatMap((incident) => incidentLines(incident, palette)),
    faults.length === 0 ? good(`✓ ${praise(report)}`) : bad(`✗ ${faults.join('; ')}.`),
  ].join('\n')
}

function failureRow({ cause, explained, unexplained, by }: Report['failures'][number], palette: Palette): string {
  const reasons = Object.entries(by).sort(([, a], [, b]) => b - a)
  const named = reasons.slice(0, 4).map(([name]) => name)
  const because = named.length === 0 ? '' : ` (${named.join(', ')}${reasons.length > 4 ? ', …' : ''})`
  const without = unexplained === 0 ? '' : palette.bad(`, ${unexplained} unexplained`)
  return palette.dim(`    ${cause.padEnd(WIDTH - 2)}${explained}${because}`) + without
}

function incidentLines({ what, detail, from, until, events }: Incident, palette: Palette): string[] {
  return [
    palette.bad(`${what}, ${from} to ${until}: ${detail}`),
    ...events.map((event) => palette.dim(`    ${event}`)),
    '',
  ]
}

function growth({ heap }: Report): string {
  if (heap.growth === undefined) return 'not judged: the run was too short'
  const { first, last, tolerance } = heap.growth
  const change = last - first
  return `${megabytes(first)}, ${megabytes(last)} (${change < 0 ? '' : '+'}${megabytes(change)}, allowed: ${megabytes(tolerance)})`
}

function praise({ heap }: Report): string {
  return heap.growth === undefined ? 'Nothing failed without a cause.' : 'Nothing failed without a cause, nothing grew.'
}

function count(value: number): string {
  return value.toLocaleString('en')
}

/** Of 1,000,000 bytes each. */
function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}

function duration(total: number): string {
  const rest = Math.round(total % 60)
  return total < 60 ? `${rest} s` : `${Math.floor(total / 60)} min ${rest} s`
}
