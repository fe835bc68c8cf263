import type { BatchObservableResult, Meter } from '@opentelemetry/api'
import type { TelemetrySubject } from '../telemetry.ts'

/** The buckets that the conventions name for `db.client.operation.duration`, in s. */
const OPERATION_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/** For what may take as long as `connectRetryTimeout`, in s. The conventions name none. */
const WAIT_BUCKETS = [...OPERATION_BUCKETS, 30, 60]

/** The attribute that names a pool. */
export const POOL_NAME = 'db.client.connection.pool.name'

const STATE = 'db.client.connection.state'

/** The instruments of one meter. */
export type Instruments = ReturnType<typeof createInstruments>

const known = new WeakMap<Meter, Instruments>()

/** The instruments of a meter, which are made once. */
export function instrumentsOf(meter: Meter): Instruments {
  const instruments = known.get(meter) ?? createInstruments(meter)
  known.set(meter, instruments)
  return instruments
}

/**
 * Those that begin with `db.client.` have their names, units and attributes from the semantic conventions 1.40 for database
 * client metrics: the duration of operations is stable there, connection pools are in development.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/db/database-metrics/
 */
function createInstruments(meter: Meter) {
  const seconds = (name: string, description: string, explicitBucketBoundaries = WAIT_BUCKETS) =>
    meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries } })
  const counter = (name: string, unit: string, description: string) => meter.createCounter(name, { unit, description })
  return {
    operationDuration: seconds(
      'db.client.operation.duration',
      'Duration of database client operations.',
      OPERATION_BUCKETS,
    ),
    createTime: seconds('db.client.connection.create_time', 'The time it took to create a new connection.'),
    waitTime: seconds('db.client.connection.wait_time', 'The time it took to obtain an open connection from the pool.'),
    useTime: seconds(
      'db.client.connection.use_time',
      'The time between borrowing a connection and returning it to the pool.',
    ),
    timeouts: counter(
      'db.client.connection.timeouts',
      '{timeout}',
      'The number of times that work got no connection within poolTimeout.',
    ),
    tokenRequestDuration: seconds('mssql_entra.token.request.duration', 'Duration of token requests.'),
    rotationDuration: seconds('mssql_entra.rotation.duration', 'Duration of rotations.'),
    loginFailures: counter('mssql_entra.login.failures', '{login}', 'The number of logins that failed.'),
    connectionsClosed: counter(
      'mssql_entra.connection.closed',
      '{connection}',
      'The number of connections that have ended, by reason.',
    ),
    observe: observeAdapters(meter),
  }
}

/** Creates the instruments that are read now and then. @returns reports an adapter's numbers until its result is called */
function observeAdapters(meter: Meter): (poolName: string, subject: TelemetrySubject) => () => boolean {
  const countOf = (name: string, unit: string, description: string) =>
    meter.createObservableUpDownCounter(name, { unit, description })
  const count = countOf(
    'db.client.connection.count',
    '{connection}',
    'The number of connections that are currently in state described by the state attribute.',
  )
  const max = countOf('db.client.connection.max', '{connection}', 'The maximum number of open connections allowed.')
  const idleMin = countOf(
    'db.client.connection.idle.min',
    '{connection}',
    'The minimum number of idle open connections allowed.',
  )
  const pendingRequests = countOf(
    'db.client.connection.pending_requests',
    '{request}',
    'The number of current pending requests for an open connection.',
  )
  const tokenTimeLeft = meter.createObservableGauge('mssql_entra.token.time_left', {
    unit: 's',
    description: 'The time until the first token of an open connection expires.',
  })
  /**
   * The adapters that have clients, by the names of their pools. Names stay: the SDK goes on reporting the last value of a
   * pool that is not observed any more.
   */
  const pools = new Map<string, Set<TelemetrySubject>>()
  const observe = (result: BatchObservableResult) => {
    for (const [name, subjects] of pools) {
      const pool = { [POOL_NAME]: name }
      const sum = sumOf(subjects)
      result.observe(count, sum.idle, { ...pool, [STATE]: 'idle' })
      result.observe(count, sum.used, { ...pool, [STATE]: 'used' })
      result.observe(max, sum.max, pool)
      result.observe(idleMin, sum.min, pool)
      result.observe(pendingRequests, sum.waiting, pool)
      result.observe(tokenTimeLeft, sum.timesLeft.length === 0 ? Number.NaN : Math.min(...sum.timesLeft), pool)
    }
  }
  meter.addBatchObservableCallback(observe, [count, max, idleMin, pendingRequests, tokenTimeLeft])
  return (poolName, subject) => {
    const subjects = pools.get(poolName) ?? new Set()
    pools.set(poolName, subjects.add(subject))
    return () => subjects.delete(subject)
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
