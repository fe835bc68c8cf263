import { subscribe } from 'node:diagnostics_channel'
import type { AdapterEvent, AdapterStats, PrismaMssqlEntra } from 'prisma-adapter-mssql-entra'
import { Counter, Gauge, type Registry } from 'prom-client'

const GAUGES: Record<string, (stats: AdapterStats) => number | undefined> = {
  db_client_connection_used: ({ inFlight }) => inFlight,
  db_client_connection_idle: ({ connectionsOpen, inFlight }) => connectionsOpen - inFlight,
  db_client_connection_pending_requests: ({ waiting }) => waiting,
  mssql_entra_token_time_left_seconds: ({ tokenSecondsLeft }) => tokenSecondsLeft,
}

/** Adds the numbers of one adapter, and the events of all adapters in the process, to what `register.metrics()` returns. */
export function collectFrom(adapter: PrismaMssqlEntra, register: Registry): void {
  for (const [name, read] of Object.entries(GAUGES)) {
    new Gauge({
      name,
      help: 'See docs/operations.md of prisma-adapter-mssql-entra',
      registers: [register],
      collect() {
        this.set(read(adapter.stats()) ?? Number.NaN)
      },
    })
  }
  const events = new Counter({
    name: 'mssql_entra_events_total',
    help: 'Events of prisma-adapter-mssql-entra',
    labelNames: ['type', 'reason'],
    registers: [register],
  })
  for (const type of [
    'token.acquired',
    'token.refresh-failed',
    'rotation.finished',
    'rotation.failed',
    'connect.retry',
  ]) {
    subscribe(`prisma-adapter-mssql-entra:${type}`, () => events.inc({ type }))
  }
  subscribe('prisma-adapter-mssql-entra:connection.closed', (event) => {
    const { type, reason } = event as Extract<AdapterEvent, { type: 'connection.closed' }>
    events.inc({ type, reason })
  })
}
