import type { AdapterStats } from '../src/index.ts'
import type { GatewayStats } from '../src/testing/index.ts'
import { percentile, type Recording } from './recording.ts'
import type { Palette } from './screen.ts'

/** What both ends of the run counted. */
export type Counts = Pick<AdapterStats, 'tokensRequested' | 'rotations'> &
  Pick<GatewayStats, 'logins' | 'requestsAfterExpiry' | 'leastTimeLeft'>

/** A label and a value. */
export function row(label: string, value: string | number, { style }: Palette): string {
  return `  ${style('dim', label.padEnd(34))}${style('bold', String(value))}`
}

/** What went wrong in the run; empty if nothing did. */
export function faultsOf(recording: Recording, counts: Counts): string[] {
  const { failureCount } = recording
  return [
    ...(failureCount > 0 ? [`${failureCount} queries failed`] : []),
    ...(counts.requestsAfterExpiry > 0 ? [`${counts.requestsAfterExpiry} requests came after expiry`] : []),
    ...(counts.rotations === 0 ? ['no rotation happened (run longer, or with a shorter --token-life)'] : []),
  ]
}

/** The last thing that is printed. */
export function summaryOf(recording: Recording, counts: Counts, palette: Palette): string {
  const { samples, failures, failureCount, credential = 'none' } = recording
  const { rotations, tokensRequested, logins, requestsAfterExpiry, leastTimeLeft } = counts
  const latency = (share: number) => percentile(samples, share).toFixed(1)
  const faults = faultsOf(recording, counts)
  const rows: [string, string | number][] = [
    ['rotations', rotations],
    ['queries and transactions', samples.length],
    ['failures', failureCount],
    ...[...failures].map(([message, count]): [string, string] => [`failed ${count} ×`, message]),
    ['latency p50 / p99', `${latency(0.5)} / ${latency(0.99)} ms`],
    ['token requests', tokensRequested],
    ['tokens from', credential],
    ['logins', logins],
    [
      'least time left on a token in use',
      leastTimeLeft === undefined ? 'none seen' : `${(leastTimeLeft / 1000).toFixed(1)} s`,
    ],
    ['requests after expiry', requestsAfterExpiry],
  ]
  const end =
    faults.length === 0
      ? palette.style('green', '✓ No query failed because of a rotation.')
      : palette.style('red', `✗ ${faults.join('; ')}.`)
  return ['', ...rows.map(([label, value]) => row(label, value, palette)), '', end].join('\n')
}
