import type { Attributes } from '@opentelemetry/api'
import { type HistogramMetricData, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { ClientAdapter } from '../../src/client/client-adapter.ts'
import type { ClientConnection } from '../../src/client/client-connection.ts'
import { type OpenTelemetryOptions, openTelemetry } from '../../src/opentelemetry/index.ts'
import { MeasuredPool } from '../../src/pool/measured-pool.ts'
import { defaultRotationTiming, type PoolSettings, poolSettings } from '../../src/pool/settings.ts'
import { statsOf } from '../../src/pool/stats.ts'
import type { TelemetrySubject } from '../../src/telemetry.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { FakeCredential } from '../support/fake-credential.ts'
import { FakeServer } from '../support/fake-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** Collects when it is asked to. */
class ReaderOnDemand extends MetricReader {
  protected override onForceFlush = async () => {}
  protected override onShutdown = async () => {}
}

/** One series: the value of a sum or a gauge, or what a histogram counted and added up. */
export interface Point {
  attributes: Attributes
  value: number | { count: number; sum: number }
}

/** A real SDK that keeps in memory what it is given. */
export class Sdk {
  readonly #reader = new ReaderOnDemand()
  readonly #exporter = new InMemorySpanExporter()
  readonly providers: Required<Pick<OpenTelemetryOptions, 'meterProvider' | 'tracerProvider'>> = {
    meterProvider: new MeterProvider({ readers: [this.#reader] }),
    tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#exporter)] }),
  }

  /** Spans that have ended, in that order. */
  get spans() {
    return this.#exporter.getFinishedSpans()
  }

  async collect() {
    const { resourceMetrics, errors } = await this.#reader.collect()
    if (errors.length > 0) throw new AggregateError(errors)
    return resourceMetrics
  }

  async metrics() {
    return (await this.collect()).scopeMetrics.flatMap(({ metrics }) => metrics)
  }

  /** The series of one metric; none if it has not been recorded. */
  async points(name: string): Promise<Point[]> {
    const metric = (await this.metrics()).find(({ descriptor }) => descriptor.name === name)
    return (metric?.dataPoints ?? []).map(({ attributes, value }) => ({
      attributes,
      value: typeof value === 'number' ? value : { count: value.count, sum: value.sum ?? Number.NaN },
    }))
  }

  /** The bounds of a histogram's buckets. */
  async bounds(name: string): Promise<number[] | undefined> {
    const metric = (await this.metrics()).find(({ descriptor }) => descriptor.name === name) as HistogramMetricData
    return metric?.dataPoints[0]?.value.buckets.boundaries
  }
}

/** The name of the pool by default. */
export const POOL = { 'db.client.connection.pool.name': 'sql.example.test:1433/app' }

/** A measured client on a server and a credential in memory, on virtual time. */
export function setUp(
  settings: Partial<PoolSettings> = {},
  subject: Partial<TelemetrySubject> = {},
  {
    sdk = new Sdk(),
    options = {} as OpenTelemetryOptions,
    telemetry = openTelemetry({ ...sdk.providers, ...options }),
  } = {},
) {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const credential = new FakeCredential(clock)
  const random = () => 0.5
  const source = new TokenSource(credential, { scope: 's', clock, random, telemetry })
  const all = { ...poolSettings({ server: 'h' }, defaultRotationTiming), ...settings }
  const observed = telemetry.observe({
    server: 'sql.example.test',
    port: 1433,
    instance: undefined,
    database: 'app',
    max: all.max,
    min: all.min,
    clock,
    stats: () => statsOf(source.stats(), [pool.stats()], 0, clock.now()),
    ...subject,
  })
  const emit = observed.onEvent.bind(observed)
  const context = { source, settings: all, clock, random, emit, onWait: () => {}, hasConnected: false }
  const pool: MeasuredPool<ClientConnection> = new MeasuredPool<ClientConnection>(server.connect, context, observed)
  const client = new ClientAdapter(pool, { supportsRelationJoins: false }, () => observed.end())
  const adapter: SqlDriverAdapter = observed.measured(client)
  return { sdk, clock, server, credential, source, pool, adapter }
}
