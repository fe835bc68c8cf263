import type { AdapterTelemetry } from '../telemetry.ts'
import { type Clock, Stopwatch } from '../time/clock.ts'
import type { OpenConnection, PoolConnection, PoolContext } from './connection.ts'
import { Pool } from './pool.ts'

/** A pool that measures its logins, how long work waits for its connections, and how long it keeps them. */
export class MeasuredPool<C extends PoolConnection> extends Pool<C> {
  readonly #telemetry: AdapterTelemetry
  readonly #clock: Clock
  readonly #lent = new WeakMap<C, Stopwatch>()

  constructor(open: OpenConnection<C>, context: PoolContext, telemetry: AdapterTelemetry) {
    super((lease, signal, forRotation) => telemetry.login(() => open(lease, signal, forRotation), forRotation), context)
    this.#telemetry = telemetry
    this.#clock = context.clock
  }

  override acquire(since?: Stopwatch): C | Promise<C> {
    const wait = new Stopwatch(this.#clock)
    const acquired = super.acquire(since)
    if (!(acquired instanceof Promise)) return this.#lend(acquired, wait)
    return acquired.then(
      (connection) => this.#lend(connection, wait),
      (error) => {
        this.#telemetry.waited(wait.elapsed, error)
        throw error
      },
    )
  }

  override release(connection: C, answered?: boolean): void {
    const use = this.#lent.get(connection)
    if (use !== undefined) this.#telemetry.used(use.elapsed)
    super.release(connection, answered)
  }

  #lend(connection: C, wait: Stopwatch): C {
    this.#telemetry.waited(wait.elapsed)
    this.#lent.set(connection, new Stopwatch(this.#clock))
    return connection
  }
}
