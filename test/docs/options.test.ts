import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { AdapterEvent, AdapterStats, CloseReason, PrismaMssqlEntraOptions } from '../../src/index.ts'
import { defaultRotationTiming } from '../../src/pool/settings.ts'
import { defaultRefreshTiming } from '../../src/token/refresh-policy.ts'
import type { TokenSourceOptions } from '../../src/token/token-source-options.ts'
import { tableRows } from '../support/markdown.ts'

const guide = readFileSync(new URL('../../docs/options.md', import.meta.url), 'utf8')

/** The names in the first cells of a section's tables, each with its row's last cell. */
function namesIn(title: string): Map<string, string> {
  const [section = ''] = guide.split(new RegExp(`^## ${title}$`, 'm'))[1]?.split(/^## /m) ?? []
  return new Map(
    tableRows(section).flatMap(([names = '', ...cells]) =>
      [...names.matchAll(/`([\w.-]+)`/g)].map(([, name = '']) => [name, cells.at(-1) ?? ''] as const),
    ),
  )
}

/** The compiler reports a missing one. */
const OPTIONS: Record<keyof PrismaMssqlEntraOptions, true> = {
  authentication: true,
  credential: true,
  tenantId: true,
  clientId: true,
  credentialOptions: true,
  scope: true,
  tokenSource: true,
  schema: true,
  allowPassword: true,
  eager: true,
  retryReads: true,
  rotation: true,
  onConnect: true,
  onEvent: true,
  telemetry: true,
  onPoolError: true,
  onConnectionError: true,
  clock: true,
  random: true,
}
const SOURCE_OPTIONS: Record<keyof TokenSourceOptions, true> = {
  scope: true,
  requestTimeout: true,
  timing: true,
  onEvent: true,
  telemetry: true,
  clock: true,
  random: true,
}
const STATS: Record<keyof AdapterStats, true> = {
  tokensRequested: true,
  tokensAcquired: true,
  refreshesFailed: true,
  rotations: true,
  connectionsOpen: true,
  connecting: true,
  inFlight: true,
  waiting: true,
  tokenExpiresOn: true,
  tokenSecondsLeft: true,
}
const EVENTS: Record<AdapterEvent['type'] | CloseReason, true> = {
  'token.acquired': true,
  'token.unchanged': true,
  'token.refresh-failed': true,
  'clock.skew': true,
  'connection.opened': true,
  'connection.closed': true,
  'rotation.started': true,
  'rotation.finished': true,
  'rotation.failed': true,
  'connect.retry': true,
  'config.warning': true,
  'decimal.inexact': true,
  idle: true,
  replaced: true,
  expired: true,
  unusable: true,
  lost: true,
  disconnected: true,
}

describe('docs/options.md', () => {
  it('has a row for each option of the adapter', () => {
    const documented = [...namesIn('Who signs in').keys(), ...namesIn('Client').keys()]
    expect(documented.sort()).toEqual(Object.keys(OPTIONS).sort())
  })

  it('has a row for each option of rotation, with its default', () => {
    const documented = namesIn('Rotation')
    documented.delete('rotation')
    const defaults = { ...defaultRefreshTiming, ...defaultRotationTiming }
    expect([...documented.keys()].sort()).toEqual(Object.keys(defaults).sort())
    for (const [name, value] of Object.entries(defaults)) {
      const said = /`([\d_.]+|false)`/.exec(documented.get(name) ?? '')?.[1]?.replaceAll('_', '')
      expect([name, said]).toEqual([name, value === undefined ? undefined : String(value)])
    }
  })

  it('has a row for each option of a token source', () => {
    const documented = namesIn('A shared token source')
    documented.delete('TokenSource')
    expect([...documented.keys()].sort()).toEqual(Object.keys(SOURCE_OPTIONS).sort())
  })

  it('has a row for each statistic', () => {
    expect([...namesIn('Statistics').keys()].sort()).toEqual(Object.keys(STATS).sort())
  })

  it('has a row for each event and for each reason to close a connection', () => {
    const documented = namesIn('Events')
    documented.delete('reason')
    expect([...documented.keys()].sort()).toEqual(Object.keys(EVENTS).sort())
  })
})
