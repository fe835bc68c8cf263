import type { BatchObservableResult, Counter, Histogram, Meter, Observable } from '@opentelemetry/api'
import type { TelemetrySubject } from '../telemetry.ts'

/** The buckets that the conventions name for `db.client.operation.duration`, in s. */
const OPERATION_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/** For what may take as long as `connectRetryTimeout`, in s. The conventions name none. */
const WAIT_BUCKETS = [...OPERATION_BUCKETS, 30, 60]

/** The attribute that names a pool. */
export const POOL_NAME = 'db.client.connection.pool.name'

const STATE = 'db.client.connection.state'

/**
 * The instruments of one meter. Those that begin with `db.client.` have their names, units and attributes from the
 * semantic conventions 1.40 for database client metrics: the duration of operations is stable there, connection pools
 * are in development.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/db/database-metrics/
 */
export class Instruments {
  readonly operationDuration: Histogram
  readonly createTime: Histogram
  readonly waitTime: Histogram
  readonly useTime: Histogram
  readonly timeouts: Counter
  readonly tokenRequestDuration: Histogram
  readonly rotationDuration: Histogram
  readonly loginFailures: Counter
  readonly connectionsClosed: Counter
  readonly #count: Observable
  readonly #max: Observable
  readonly #idleMin: Observable
  readonly #pendingRequests: Observable
  readonly #tokenTimeLeft: Observable
  /**
   * The adapters that have clients, by the names of their pools. Names stay: the SDK goes on reporting the last value of a
   * pool that is not observed any more.
   */
  readonly #subjects = new Map<string, Set<TelemetrySubject>>()

  constructor(meter: Meter) {
    const seconds = (name: string, description: string, explicitBucketBoundaries = WAIT_BUCKETS) =>
      meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries } })
    const countOf = (name: string, unit: string, description: string) =>
      meter.createObservableUpDownCounter(name, { unit, description })

    this.operationDuration = seconds(
      'db.client.operation.duration',
      'Duration of database client operations.',
      OPERATION_BUCKETS,
    )
    this.createTime = seconds('db.client.connection.create_time', 'The time it took to create a new connection.')
    this.waitTime = seconds(
      'db.client.connection.wait_time',
      'The time it took to obtain an open connection from the pool.',
    )
    this.useTime = seconds(
      'db.client.connection.use_time',
      'The time between borrowing a connection and returning it to the pool.',
    )
    this.timeouts = meter.createCounter('db.client.connection.timeouts', {
      unit: '{timeout}',
      description: 'The number of times that work got no connection within poolTimeout.',
    })
    this.tokenRequestDuration = seconds('mssql_entra.token.request.duration', 'Duration of token requests.')
    this.rotationDuration = seconds('mssql_entra.rotation.duration', 'Duration of rotations.')
    this.loginFailures = meter.createCounter('mssql_entra.login.failures', {
      unit: '{login}',
      description: 'The number of logins that failed.',
    })
    this.connectionsClosed = meter.createCounter('mssql_entra.connection.closed', {
      unit: '{connection}',
      description: 'The number of connections that have ended, by reason.',
    })
    this.#count = countOf(
      'db.client.connection.count',
      '{connection}',
      'The number of connections that are currently in state described by the state attribute.',
    )
    this.#max = countOf('db.client.connection.max', '{connection}', 'The maximum number of open connections allowed.')
    this.#idleMin = countOf(
      'db.client.connection.idle.min',
      '{connection}',
      'The minimum number of idle open connections allowed.',
    )
    this.#pendingRequests = countOf(
      'db.client.connection.pending_requests',
      '{request}',
      'The number of current pending requests for an open connection.',
    )
    this.#tokenTimeLeft = meter.createObservableGauge('mssql_entra.token.time_left', {
      unit: 's',
      description: 'The time until the first token of an open connection expires.',
    })
    meter.addBatchObservableCallback(
      (result) => this.#observe(result),
      [this.#count, this.#max, this.#idleMin, this.#pendingRequests, this.#tokenTimeLeft],
    )
  }

  /** Reports an adapter's numbers until you call the function that is returned. */
  add(poolName: string, subject: TelemetrySubject): () => boolean {
    const subjects = this.#subjects.get(poolName) ?? new Set()
    this.#subjects.set(poolName, subjects.add(subject))
    return () => subjects.delete(subject)
  }

  #observe(result: BatchObservableResult): void {
    for (const [name, subjects] of this.#subjects) {
      const pool = { [POOL_NAME]: name }
      const { idle, used, max, min, waiting, timesLeft } = sumOf(subjects)
      result.observe(this.#count, idle, { ...pool, [STATE]: 'idle' })
      result.observe(this.#count, used, { ...pool, [STATE]: 'used' })
      result.observe(this.#max, max, pool)
      result.observe(this.#idleMin, min, pool)
      result.observe(this.#pendingRequests, waiting, pool)
      result.observe(this.#tokenTimeLeft, timesLeft.length === 0 ? Number.NaN : Math.min(...timesLeft), pool)
    }
  }
}

/** Adapters whose pools have the same name are added up: a second value for a name would replace the first. */
function sumOf(subjects: Iterable<TelemetrySubject>) {
  const sum = { idle: 0, used: 0, max: 0, min: 0, waiting: 0, timesLeft: [] as number[] }
  for (const subject of subjects) {
    const { connectionsOpen, inFlight, waiting, tokenSecondsLeft } = subject.stats()
    sum.idle += connectionsOpen - inFlight
    sum.used += inFlight
    sum.max += subject.max
    sum.min += subject.min
    sum.waiting += waiting
    if (tokenSecondsLeft !== undefined) sum.timesLeft.push(tokenSecondsLeft)
  }
  return sum
}

const known = new WeakMap<Meter, Instruments>()

/** The instruments of a meter, which are made once. */
export function instrumentsOf(meter: Meter): Instruments {
  const instruments = known.get(meter) ?? new Instruments(meter)
  known.set(meter, instruments)
  return instruments
}
