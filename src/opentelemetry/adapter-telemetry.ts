import { type Attributes, context, ROOT_CONTEXT, type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api'
import type { SqlDriverAdapter, Transaction } from '@prisma/driver-adapter-utils'
import { DEFAULT_PORT } from '../config/address.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { CloseReason, RotationReason } from '../events.ts'
import type { AdapterTelemetry, TelemetrySubject } from '../telemetry.ts'
import { Stopwatch } from '../time/clock.ts'
import { type Instruments, POOL_NAME } from './instruments.ts'
import { errorAttributes, inSpan, isGivenUp, markFailed } from './spans.ts'

const CLOSE_REASON = 'mssql_entra.close.reason'
const CLOSE_REASONS: readonly CloseReason[] = ['idle', 'replaced', 'expired', 'unusable', 'lost', 'disconnected']

/** Measures one adapter by OpenTelemetry. */
export function adapterTelemetry(
  subject: TelemetrySubject,
  instruments: Instruments,
  tracer: Tracer,
  poolName: string | undefined,
): AdapterTelemetry {
  const { server, port, instance, database, clock } = subject
  // The database as configured, behind the instance if that has a name.
  const namespace = [instance, database].filter((part) => part !== undefined).join('|')
  const target = {
    'db.system.name': 'microsoft.sql_server',
    ...(namespace !== '' && { 'db.namespace': namespace }),
    'server.address': server,
    // The conventions leave out the default one.
    ...(port !== DEFAULT_PORT && { 'server.port': port }),
  }
  const name = poolName ?? `${server}:${port}/${namespace}`
  const pool = { [POOL_NAME]: name }
  const stopObserving = instruments.observe(name, subject)
  // So that the first of each is an increase.
  instruments.timeouts.add(0, pool)
  for (const reason of CLOSE_REASONS) instruments.connectionsClosed.add(0, { ...pool, [CLOSE_REASON]: reason })
  let rotation: { span: Span; took: Stopwatch } | undefined

  /** Work that waits for a login sees it in its own trace. */
  const loginParent = (forRotation: boolean) => {
    if (!forRotation) return context.active()
    return rotation === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, rotation.span)
  }
  const beginRotation = (reason: RotationReason, connections: number) => {
    // One that was called off has no event.
    rotation?.span.end()
    const attributes = {
      ...pool,
      'mssql_entra.rotation.reason': reason,
      'mssql_entra.rotation.connections': connections,
    }
    const span = tracer.startSpan('mssql_entra.rotation', { attributes }, ROOT_CONTEXT)
    rotation = { span, took: new Stopwatch(clock) }
  }
  const endRotation = (reason: RotationReason, error?: Error) => {
    if (rotation === undefined) return
    const { span, took } = rotation
    rotation = undefined
    if (error !== undefined) markFailed(span, error)
    span.end()
    instruments.rotationDuration.record(took.elapsed / 1000, {
      ...pool,
      'mssql_entra.rotation.reason': reason,
      ...(error !== undefined && errorAttributes(error)),
    })
  }
  const measure: Measure = async (operation, name) => {
    const took = new Stopwatch(clock)
    const record = (error: Attributes = {}) =>
      instruments.operationDuration.record(took.elapsed / 1000, {
        ...target,
        ...(name !== undefined && { 'db.operation.name': name }),
        ...error,
      })
    try {
      const result = await operation()
      record()
      return result
    } catch (error) {
      record(errorAttributes(error))
      throw error
    }
  }
  return {
    async login(login, forRotation) {
      const options = { kind: SpanKind.CLIENT, attributes: { ...target, ...pool } }
      const took = new Stopwatch(clock)
      try {
        const connection = await inSpan(tracer, 'mssql_entra.login', options, loginParent(forRotation), login)
        instruments.createTime.record(took.elapsed / 1000, pool)
        return connection
      } catch (error) {
        if (!isGivenUp(error)) instruments.loginFailures.add(1, { ...pool, ...errorAttributes(error) })
        throw error
      }
    },
    waited(ms, error) {
      if (error === undefined) instruments.waitTime.record(ms / 1000, pool)
      else if (error instanceof EntraError && error.code === 'CONNECT_TIMEOUT') instruments.timeouts.add(1, pool)
    },
    used: (ms) => instruments.useTime.record(ms / 1000, pool),
    onEvent(event) {
      if (event.type === 'rotation.started') beginRotation(event.reason, event.connections)
      else if (event.type === 'rotation.finished') endRotation(event.reason)
      else if (event.type === 'rotation.failed') endRotation(event.reason, event.error)
      else if (event.type === 'connection.closed')
        instruments.connectionsClosed.add(1, { ...pool, [CLOSE_REASON]: event.reason })
    },
    measured: (adapter) => measuredAdapter(adapter, measure),
    end() {
      stopObserving()
      rotation?.span.end()
      rotation = undefined
    },
  }
}

/** Runs an operation and measures it. @param name - of the operation, where it is known without parsing SQL */
type Measure = <T>(operation: () => Promise<T>, name?: string) => Promise<T>

/** An adapter whose operations are measured, as Prisma Client sees them: with waits, and with what is run again. */
function measuredAdapter(adapter: SqlDriverAdapter, measure: Measure): SqlDriverAdapter {
  const { provider, adapterName } = adapter
  return {
    provider,
    adapterName,
    queryRaw: (query) => measure(() => adapter.queryRaw(query)),
    executeRaw: (query) => measure(() => adapter.executeRaw(query)),
    executeScript: (script) => measure(() => adapter.executeScript(script)),
    startTransaction: async (isolationLevel) => {
      const transaction = await measure(() => adapter.startTransaction(isolationLevel), 'BEGIN TRANSACTION')
      return measuredTransaction(transaction, measure)
    },
    ...(adapter.getConnectionInfo && { getConnectionInfo: adapter.getConnectionInfo.bind(adapter) }),
    dispose: () => adapter.dispose(),
  }
}

function measuredTransaction(transaction: Transaction, measure: Measure): Transaction {
  const { provider, adapterName, options } = transaction
  return {
    provider,
    adapterName,
    options,
    queryRaw: (query) => measure(() => transaction.queryRaw(query)),
    executeRaw: (query) => measure(() => transaction.executeRaw(query)),
    commit: () => measure(() => transaction.commit(), 'COMMIT TRANSACTION'),
    rollback: () => measure(() => transaction.rollback(), 'ROLLBACK TRANSACTION'),
    createSavepoint: (name) => measure(async () => transaction.createSavepoint?.(name), 'SAVE TRANSACTION'),
    rollbackToSavepoint: (name) => measure(async () => transaction.rollbackToSavepoint?.(name), 'ROLLBACK TRANSACTION'),
  }
}
