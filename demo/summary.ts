import type { AdapterStats } from '../src/index.ts'
import type { GatewayStats } from '../src/testing/index.ts'
import { NAMES } from './display.ts'
import { percentile, type Recording } from './recording.ts'
import type { Palette } from './screen.ts'

/** What the gateway counted. */
export type ServerCounts = Pick<GatewayStats, 'logins' | 'loginFailures' | 'requestsAfterExpiry' | 'leastTimeLeft'>

/** What both ends of the run counted. */
export type Counts = Pick<AdapterStats, 'tokensRequested' | 'rotations'> & ServerCounts

/** The official adapter's side of `--compare`. */
export interface Compared {
  recording: Recording
  counts: ServerCounts
}

/** A label and a value, or one for each side. */
export function row(label: string, values: string | number | readonly (string | number)[], { style }: Palette): string {
  const cells = [values].flat().map((value, i, all) => (i < all.length - 1 ? String(value).padEnd(28) : String(value)))
  return `  ${style('dim', label.padEnd(34 - (cells.length - 1) * 6))}${style('bold', cells.join(''))}`
}

/** From this latency on, in ms, a query may not end before its token does, which lives for seconds here. */
const TOO_SLOW = 1_500

/** What went wrong in the run; empty if nothing did. */
export function faultsOf(recording: Recording, counts: Counts): string[] {
  const { failureCount, samples } = recording
  const slowest = percentile(samples, 1)
  const busy = `this machine is busy: queries took up to ${(slowest / 1000).toFixed(1)} s. Try --token-life 60 --seconds 180`
  return [
    ...(failureCount > 0 ? [`${failureCount} queries failed${slowest < TOO_SLOW ? '' : ` (${busy})`}`] : []),
    ...(counts.requestsAfterExpiry > 0 ? [`${counts.requestsAfterExpiry} requests came after expiry`] : []),
    ...(counts.rotations === 0 ? ['no rotation happened (run longer, or with a shorter --token-life)'] : []),
  ]
}

/** The last thing that is printed. */
export function summaryOf(recording: Recording, counts: Counts, palette: Palette, official?: Compared): string {
  const { failures, credential = 'none' } = recording
  const faults = faultsOf(recording, counts)
  const side = (made: Recording, { logins, loginFailures, requestsAfterExpiry, leastTimeLeft }: ServerCounts) => [
    made.samples.length,
    made.failureCount,
    // Each is refused in mid-session, as error 37396.
    requestsAfterExpiry,
    loginFailures[18456] ?? 0,
    logins,
    leastTimeLeft === undefined ? 'none seen' : `${(leastTimeLeft / 1000).toFixed(1)} s`,
    [0.5, 0.99].map((share) => percentile(made.samples, share).toFixed(1)).join(' / '),
  ]
  const columns = [side(recording, counts), ...(official ? [side(official.recording, official.counts)] : [])]
  const labels = [
    'queries and transactions',
    'failures',
    'requests after expiry',
    'logins refused',
    'logins',
    'least time left on a token',
    'p50 / p99 in ms',
  ]
  const rows: [string, (string | number)[]][] = [
    ...(official ? ([['', [NAMES.ours, NAMES.official]]] as [string, string[]][]) : []),
    ...labels.map((label, i): [string, (string | number)[]] => [label, columns.map((column) => column[i] ?? '')]),
    ['rotations', [counts.rotations, ...(official ? ['none'] : [])]],
    ['token requests', [counts.tokensRequested, ...(official ? ['given once'] : [])]],
    ['tokens from', [credential, ...(official ? ['same authority'] : [])]],
    ...[...failures].map(([message, count]): [string, string[]] => [`failed ${count} ×`, [message]]),
  ]
  const end =
    faults.length === 0
      ? palette.style('green', '✓ No query failed because of a rotation.')
      : palette.style('red', `✗ ${faults.join('; ')}.`)
  return ['', ...rows.map(([label, values]) => row(label, values, palette)), '', end].join('\n')
}
