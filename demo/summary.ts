import { faultOf, type Migrated } from './migration.ts'
import { percentile, type Recording } from './recording.ts'
import type { Palette } from './screen.ts'

/** What the two ends of the run counted. */
export interface Counts {
  tokenRequests: number
  logins: number
  rotations: number
  requestsAfterExpiry: number
  /** As the gateway saw it, in ms. */
  leastTimeLeft: number | undefined
}

/** Why the run was not what it should have been; empty if it was. */
export function faultsOf(recording: Recording, counts: Counts): string[] {
  const faults: string[] = []
  if (recording.failureCount > 0) faults.push(`${recording.failureCount} queries failed`)
  if (counts.requestsAfterExpiry > 0) faults.push(`${counts.requestsAfterExpiry} requests came after expiry`)
  if (counts.rotations === 0) faults.push('no rotation happened (run longer, or with a shorter --token-life)')
  return faults
}

/** The last thing that is printed. */
export function summaryOf(recording: Recording, counts: Counts, palette: Palette): string {
  const { bold, dim, good, bad } = palette
  const row = (label: string, value: string) => `  ${dim(label.padEnd(34))}${bold(value)}`
  const left = counts.leastTimeLeft === undefined ? 'none seen' : `${(counts.leastTimeLeft / 1000).toFixed(1)} s`
  const latency = [0.5, 0.99].map((share) => percentile(recording.samples, share).toFixed(1))
  const faults = faultsOf(recording, counts)
  const reasons = [...recording.failures].map(([message, count]) => row(`failed ${count} ×`, message))
  return [
    '',
    row('rotations', String(counts.rotations)),
    row('queries and transactions', String(recording.samples.length)),
    row('failures', String(recording.failureCount)),
    ...reasons,
    row('latency p50 / p99', `${latency[0]} / ${latency[1]} ms`),
    row('token requests', String(counts.tokenRequests)),
    row('tokens given by', [...recording.credentials].join(', then ')),
    row('logins', String(counts.logins)),
    row('least time left on a token in use', left),
    row('requests after expiry', String(counts.requestsAfterExpiry)),
    '',
    faults.length === 0 ? good('✓ Nobody noticed a rotation.') : bad(`✗ ${faults.join('; ')}.`),
  ].join('\n')
}

/** What is printed after `--migrate`. */
export function migrationSummaryOf(migrated: Migrated, { bold, dim, good, bad }: Palette): string {
  const row = (label: string, value: string) => `  ${dim(label.padEnd(34))}${bold(value)}`
  const fault = faultOf(migrated)
  return [
    '',
    row('migrations played by the proxy', migrated.migrations.join(', ')),
    row('inserts, in one batch', `${migrated.rows} rows, ${Math.round(migrated.characters / 1000)} KB`),
    row('the token that the session had', `${migrated.tokenLength} characters`),
    row('in all', `${(migrated.durationMs / 1000).toFixed(1)} s`),
    '',
    fault === undefined ? good('✓ Migrations and rows are there, by token.') : bad(`✗ ${fault}.`),
  ].join('\n')
}
