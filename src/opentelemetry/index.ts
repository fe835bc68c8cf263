import { context, type MeterProvider, metrics, ROOT_CONTEXT, type TracerProvider, trace } from '@opentelemetry/api'
import type { Telemetry } from '../telemetry.ts'
import { adapterTelemetry } from './adapter-telemetry.ts'
import { instrumentsOf } from './instruments.ts'
import { errorAttributes, inSpan, isGivenUp } from './spans.ts'

export type { Telemetry } from '../telemetry.ts'

const SCOPE = 'prisma-adapter-mssql-entra'

export interface OpenTelemetryOptions {
  /**
   * The value of `db.client.connection.pool.name`. The numbers of adapters with the same name are added up.
   *
   * @defaultValue `server:port/database`
   */
  poolName?: string
  /** @defaultValue the global one, as it is when a client connects */
  meterProvider?: MeterProvider
  /** @defaultValue the global one */
  tracerProvider?: TracerProvider
}

/**
 * Metrics and spans by OpenTelemetry, for the option `telemetry` of an adapter and of a `TokenSource`. It needs
 * `@opentelemetry/api`, and an SDK that you set up. `docs/operations.md` lists every metric.
 *
 * Each span that work waits for (a token request, a login) belongs to the trace of that work; those of rotations and of
 * refreshes ahead of time begin their own.
 *
 * @example
 * ```ts
 * const adapter = new PrismaMssqlEntra(process.env.DATABASE_URL, { telemetry: openTelemetry() })
 * ```
 * @see https://opentelemetry.io/docs/specs/semconv/db/sql-server/
 */
export function openTelemetry({ poolName, meterProvider, tracerProvider }: OpenTelemetryOptions = {}): Telemetry {
  // Looked up late: a global meter that was created before the SDK was set up never measures anything.
  const instruments = () => instrumentsOf((meterProvider ?? metrics).getMeter(SCOPE))
  const tracer = () => (tracerProvider ?? trace).getTracer(SCOPE)
  return {
    async signIn(request, awaited, credential) {
      const begun = performance.now()
      const record = (attributes = {}) =>
        instruments().tokenRequestDuration.record((performance.now() - begun) / 1000, attributes)
      const parent = awaited ? context.active() : ROOT_CONTEXT
      try {
        const token = await inSpan(tracer(), 'mssql_entra.sign_in', {}, parent, request)
        record({ 'mssql_entra.credential': credential() })
        return token
      } catch (error) {
        if (!isGivenUp(error)) record(errorAttributes(error))
        throw error
      }
    },
    observe: (subject) => adapterTelemetry(subject, instruments(), tracer(), poolName),
  }
}
