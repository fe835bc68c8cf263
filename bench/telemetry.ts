/**
 * What it costs to be measured by OpenTelemetry: the processor's time that it adds to a query, on connections in memory,
 * beside that of a query through the driver. Each number is the least of many turns: what else the machine does can only
 * add to it.
 *
 *     npm run bench:telemetry
 */
import { availableParallelism } from 'node:os'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import type { SqlDriverAdapter, SqlQuery } from '@prisma/driver-adapter-utils'
import { ClientAdapter } from '../src/client/client-adapter.ts'
import type { ClientConnection } from '../src/client/client-connection.ts'
import { PrismaMssqlEntra } from '../src/index.ts'
import { openTelemetry } from '../src/opentelemetry/index.ts'
import { MeasuredPool } from '../src/pool/measured-pool.ts'
import { Pool } from '../src/pool/pool.ts'
import { defaultRotationTiming, poolSettings } from '../src/pool/settings.ts'
import type { Telemetry } from '../src/telemetry.ts'
import { systemClock as clock } from '../src/time/clock.ts'
import { TokenSource } from '../src/token/token-source.ts'
import { FakeServer } from '../test/support/fake-server.ts'
import { Child } from './child.ts'
import { markdownTable } from './markdown.ts'
import type { Place } from './steady/server-process.ts'

const TURNS = 40
/** Queries in a turn. */
const IN_MEMORY = 3_000
const BY_DRIVER = 200

const credential = { getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 }) }
const QUERY: SqlQuery = {
  sql: 'SELECT [id], [email], [name], [active], [createdAt] FROM [dbo].[User] WHERE [email] = @P1',
  args: ['ann@example.test'],
  argTypes: [{ scalarType: 'string', arity: 'scalar' }],
}

class NeverCollects extends MetricReader {
  protected override onForceFlush = async () => {}
  protected override onShutdown = async () => {}
}

/** A client on connections in memory. */
function inMemory(telemetry?: Telemetry) {
  const server = new FakeServer(clock)
  const source = new TokenSource(credential, { scope: 's', ...(telemetry && { telemetry }) })
  const settings = poolSettings({ server: 'h' }, defaultRotationTiming)
  const context = {
    source,
    settings,
    clock,
    random: Math.random,
    emit: () => {},
    onWait: () => {},
    hasConnected: false,
  }
  const address = { server: 'localhost', port: 1433, instance: undefined, database: 'app', max: 10, min: 0, clock }
  const measured = telemetry?.observe({ ...address, stats: () => ({ ...pool.stats(), tokenSecondsLeft: undefined }) })
  const pool: Pool<ClientConnection> = measured
    ? new MeasuredPool<ClientConnection>(server.connect, context, measured)
    : new Pool<ClientConnection>(server.connect, context)
  const client = new ClientAdapter(pool, { supportsRelationJoins: false }, () => {})
  return { adapter: measured?.measured(client) ?? client, forget: () => server.statements.splice(0) }
}

/** @returns the processor's time for one query, in µs */
async function run(adapter: SqlDriverAdapter, count: number): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < count; i++) await adapter.queryRaw(QUERY)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

const meterProvider = new MeterProvider({ readers: [new NeverCollects()] })
const contestants = {
  'without `telemetry`': inMemory(),
  '`telemetry`, no SDK': inMemory(openTelemetry()),
  '`telemetry`, an SDK for metrics': inMemory(openTelemetry({ meterProvider })),
}
const least = new Map<string, number>()
const note = (name: string, cpu: number) => least.set(name, Math.min(least.get(name) ?? Number.POSITIVE_INFINITY, cpu))

const server = await Child.start<{ delay: number }, void, Place>(new URL('steady/server-process.ts', import.meta.url))
const { port, ca } = server.ready
const config = { server: 'localhost', port, options: { encrypt: true, cryptoCredentialsDetails: { ca } } }
const driver = await new PrismaMssqlEntra(config, { credential }).connect()
for (let turn = 0; turn < TURNS; turn++) {
  for (const [name, { adapter, forget }] of Object.entries(contestants)) {
    note(name, await run(adapter, IN_MEMORY))
    forget()
  }
  note('driver', await run(driver, BY_DRIVER))
}
for (const { adapter } of Object.values(contestants)) await adapter.dispose()
await driver.dispose()
await server.close()

const of = (name: string) => least.get(name) ?? Number.NaN
const base = of('without `telemetry`')
const rows = Object.keys(contestants).map((name) => {
  const added = of(name) - base
  return [name, of(name).toFixed(1), added.toFixed(1), (1 + added / of('driver')).toFixed(3)]
})
console.log(
  `Node ${process.version}, ${availableParallelism()} cores. A query through the driver: ${of('driver').toFixed(0)} µs\n`,
)
console.log(markdownTable(['', 'in memory, µs a query', 'added, µs', 'ratio, by the driver'], rows))
