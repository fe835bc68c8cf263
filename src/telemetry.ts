import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import type { AdapterEvent } from './events.ts'
import type { Clock } from './time/clock.ts'

/** An adapter with open clients, as its telemetry sees it. */
export interface TelemetrySubject {
  /** As configured: a name or an address. */
  readonly server: string
  readonly port: number
  /** A named instance; undefined for the default one. */
  readonly instance: string | undefined
  /** As configured; undefined for the login's default database. */
  readonly database: string | undefined
  /** The most connections of each client. */
  readonly max: number
  /** How many idle connections of each client stay open. */
  readonly min: number
  readonly clock: Clock
  /** Its numbers now. */
  stats(): {
    connectionsOpen: number
    inFlight: number
    waiting: number
    tokenSecondsLeft: number | undefined
  }
}

/** Measures one adapter, from its first client's connect to its last client's disconnect. */
export interface AdapterTelemetry {
  /** Runs a login. @param forRotation - whether it opens a replacement; otherwise work waits for it */
  login<T>(login: () => Promise<T>, forRotation: boolean): Promise<T>
  /** Called when work has waited this long for a connection, in ms. @param error - if it got none */
  waited(ms: number, error?: unknown): void
  /** Called when work has returned a connection after this time, in ms. */
  used(ms: number): void
  /** Called with each event of the adapter. */
  onEvent(event: AdapterEvent): void
  /** Returns an adapter that does the same as `adapter`, and measures each operation. */
  measured(adapter: SqlDriverAdapter): SqlDriverAdapter
  end(): void
}

/**
 * Measures adapters and token sources. `openTelemetry()` of `prisma-adapter-mssql-entra/opentelemetry` creates one. Without
 * one, nothing is measured.
 */
export interface Telemetry {
  /**
   * Runs a token request.
   *
   * @param awaited - whether work waits for the token; otherwise it is requested ahead of time
   * @param credential - the name of the credential that returned the last token
   */
  signIn<T>(request: () => Promise<T>, awaited: boolean, credential: () => string | undefined): Promise<T>
  /** Begins to measure an adapter. */
  observe(subject: TelemetrySubject): AdapterTelemetry
}
