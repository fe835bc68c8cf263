import { type Attributes, context, ROOT_CONTEXT, type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api'
import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { DEFAULT_PORT } from '../config/address.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { AdapterEvent, CloseReason, RotationReason } from '../events.ts'
import type { AdapterTelemetry, TelemetrySubject } from '../telemetry.ts'
import { Stopwatch } from '../time/clock.ts'
import { errorAttributes, isGivenUp, markFailed } from './errors.ts'
import { type Instruments, POOL_NAME } from './instruments.ts'
import { type Measure, measuredAdapter } from './measured-adapter.ts'
import { inSpan } from './spans.ts'

const CLOSE_REASON = 'mssql_entra.close.reason'
const CLOSE_REASONS: readonly CloseReason[] = ['idle', 'replaced', 'expired', 'unusable', 'lost', 'disconnected']

/** Measures one adapter by OpenTelemetry. */
export class OpenTelemetryAdapter implements AdapterTelemetry {
  readonly #subject: TelemetrySubject
  readonly #instruments: Instruments
  readonly #tracer: Tracer
  readonly #target: Attributes
  readonly #pool: Attributes
  readonly #remove: () => boolean
  #rotation: { span: Span; took: Stopwatch } | undefined

  constructor(subject: TelemetrySubject, instruments: Instruments, tracer: Tracer, poolName: string | undefined) {
    this.#subject = subject
    this.#instruments = instruments
    this.#tracer = tracer
    const { server, port } = subject
    const namespace = namespaceOf(subject)
    this.#target = {
      'db.system.name': 'microsoft.sql_server',
      ...(namespace !== '' && { 'db.namespace': namespace }),
      'server.address': server,
      // The conventions leave out the default one.
      ...(port !== DEFAULT_PORT && { 'server.port': port }),
    }
    const name = poolName ?? `${server}:${port}/${namespace}`
    this.#pool = { [POOL_NAME]: name }
    this.#remove = instruments.add(name, subject)
    // So that the first of each is an increase.
    instruments.timeouts.add(0, this.#pool)
    for (const reason of CLOSE_REASONS) instruments.connectionsClosed.add(0, { ...this.#pool, [CLOSE_REASON]: reason })
  }

  async login<T>(login: () => Promise<T>, forRotation: boolean): Promise<T> {
    const options = { kind: SpanKind.CLIENT, attributes: { ...this.#target, ...this.#pool } }
    const took = this.#stopwatch()
    try {
      const connection = await inSpan(this.#tracer, 'mssql_entra.login', options, this.#loginParent(forRotation), login)
      this.#instruments.createTime.record(took.elapsed / 1000, this.#pool)
      return connection
    } catch (error) {
      if (!isGivenUp(error)) this.#instruments.loginFailures.add(1, { ...this.#pool, ...errorAttributes(error) })
      throw error
    }
  }

  waited(ms: number, error?: unknown): void {
    if (error === undefined) this.#instruments.waitTime.record(ms / 1000, this.#pool)
    else if (error instanceof EntraError && error.code === 'CONNECT_TIMEOUT')
      this.#instruments.timeouts.add(1, this.#pool)
  }

  used(ms: number): void {
    this.#instruments.useTime.record(ms / 1000, this.#pool)
  }

  onEvent(event: AdapterEvent): void {
    switch (event.type) {
      case 'rotation.started':
        this.#beginRotation(event.reason, event.connections)
        break
      case 'rotation.finished':
        this.#endRotation(event.reason)
        break
      case 'rotation.failed':
        this.#endRotation(event.reason, event.error)
        break
      case 'connection.closed':
        this.#instruments.connectionsClosed.add(1, { ...this.#pool, [CLOSE_REASON]: event.reason })
        break
    }
  }

  measured(adapter: SqlDriverAdapter): SqlDriverAdapter {
    return measuredAdapter(adapter, this.#measure)
  }

  end(): void {
    this.#remove()
    this.#rotation?.span.end()
    this.#rotation = undefined
  }

  readonly #measure: Measure = async (operation, name) => {
    const took = this.#stopwatch()
    const record = (error: Attributes = {}) =>
      this.#instruments.operationDuration.record(took.elapsed / 1000, {
        ...this.#target,
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

  /** Work that waits for a login sees it in its own trace. */
  #loginParent(forRotation: boolean) {
    if (!forRotation) return context.active()
    return this.#rotation === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, this.#rotation.span)
  }

  #beginRotation(reason: RotationReason, connections: number): void {
    // One that was called off has no event.
    this.#rotation?.span.end()
    const attributes = {
      ...this.#pool,
      'mssql_entra.rotation.reason': reason,
      'mssql_entra.rotation.connections': connections,
    }
    this.#rotation = {
      span: this.#tracer.startSpan('mssql_entra.rotation', { attributes }, ROOT_CONTEXT),
      took: this.#stopwatch(),
    }
  }

  #endRotation(reason: RotationReason, error?: Error): void {
    if (this.#rotation === undefined) return
    const { span, took } = this.#rotation
    this.#rotation = undefined
    if (error !== undefined) markFailed(span, error)
    span.end()
    this.#instruments.rotationDuration.record(took.elapsed / 1000, {
      ...this.#pool,
      'mssql_entra.rotation.reason': reason,
      ...(error !== undefined && errorAttributes(error)),
    })
  }

  #stopwatch(): Stopwatch {
    return new Stopwatch(this.#subject.clock)
  }
}

/** The database as configured, behind the instance if that has a name. */
function namespaceOf({ instance, database }: TelemetrySubject): string {
  return [instance, database].filter((part) => part !== undefined).join('|')
}
