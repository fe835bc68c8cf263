import { type Clock, Stopwatch } from '../clock.ts'
import type { ConnectTiming } from '../connect/connect-policy.ts'
import { EntraError } from '../errors/entra-error.ts'
import { hardDeadline, type RefreshTiming } from '../token/refresh-policy.ts'
import type { Generation } from './generation.ts'
import { CROWDED_POLL, crowdedError, type Room } from './room.ts'
import type { ServerLimit } from './server-limit.ts'
import { WaitingLine } from './waiting-line.ts'

/** What an {@link Entrance} needs. */
export interface EntranceParts {
  room: Room
  serverLimit: ServerLimit
  timing: ConnectTiming
  refreshTiming: Readonly<RefreshTiming>
  clock: Clock
  /** The generation that new work may enter, if there is room. */
  fresh(): Generation | undefined
  /** Sees to it that there is one, or throws why there cannot be. */
  renew(): Promise<void>
  /** Somebody has joined the line: `lookAgainIn` has changed. */
  onJoined(): void
}

/**
 * Where work enters the current generation: at once where there is a place, else in its turn. The line is ours and not
 * the pool's, so that who waits when a rotation comes enters the next generation, and no more logins are asked of the
 * server than it has shown to take.
 */
export class Entrance {
  readonly #parts: EntranceParts
  readonly #line: WaitingLine
  #closed: EntraError | undefined

  constructor(parts: EntranceParts) {
    this.#parts = parts
    this.#line = new WaitingLine(parts.clock)
  }

  /** How many wait for a place. */
  get waiting(): number {
    return this.#line.length
  }

  /**
   * Counts work in; the caller calls the generation's `leave()`.
   *
   * @param again - whether it was in before, and goes to the head of the line
   * @throws {@link EntraError} `CONNECT_TIMEOUT`, `CLOSED`, or why there is no generation to enter
   */
  enter(again: boolean): Generation | Promise<Generation> {
    return this.#enterAtOnce() ?? this.#enterInTurn(again ? 'head' : 'end')
  }

  /** Lets in who waits, as far as there is room by now. */
  serve(): void {
    if (this.#line.length === 0) return
    if (this.#parts.fresh() === undefined) this.#line.dissolve()
    else this.#line.serve(() => this.#tryEnter())
  }

  /** Sends away who waits, and whoever comes. */
  close(error: EntraError): void {
    this.#closed = error
    this.#line.reject(error)
  }

  /** When to call `serve` though nothing has happened, in ms; `Infinity` for never. */
  get lookAgainIn(): number {
    const { fresh, room, serverLimit, refreshTiming } = this.#parts
    const current = this.#line.length === 0 ? undefined : fresh()
    if (current === undefined) return Number.POSITIVE_INFINITY
    // Neither a login that succeeded nor a connection that an earlier generation has closed tells us.
    if (serverLimit.error !== undefined || room.isCrowded(current)) return CROWDED_POLL
    return hardDeadline(current.lease, refreshTiming) - current.lease.now()
  }

  #enterAtOnce(): Generation | undefined {
    return this.#closed === undefined && this.#line.length === 0 ? this.#tryEnter() : undefined
  }

  async #enterInTurn(where: 'end' | 'head'): Promise<Generation> {
    const { fresh, renew, onJoined, clock } = this.#parts
    // Only the line counts against the line's limit: a generation that has to be opened first has limits of its own.
    for (let waited = 0; ; ) {
      if (this.#closed !== undefined) throw this.#closed
      const current = fresh()
      if (current === undefined) {
        await renew()
        continue
      }
      const timeout = this.#timeoutFor(current)
      const inLine = new Stopwatch(clock)
      const joined = this.#enterAtOnce() ?? this.#line.join(where, timeout - waited, () => this.#tooLate(timeout))
      onJoined()
      const entered = await joined
      if (entered !== undefined) return entered
      waited += inLine.elapsed
    }
  }

  #tryEnter(): Generation | undefined {
    const { fresh, room, serverLimit, clock } = this.#parts
    const current = fresh()
    if (current === undefined || !room.admits(current) || !serverLimit.admits(current)) return undefined
    current.enter(clock.now())
    return current
  }

  #timeoutFor({ pool }: Generation): number {
    const { serverLimit, timing } = this.#parts
    if (serverLimit.error === undefined) return pool.acquireTimeout
    return Math.max(pool.acquireTimeout, timing.connectRetryTimeout)
  }

  #tooLate(waited: number): unknown {
    const { fresh, room, serverLimit } = this.#parts
    const current = fresh()
    if (current === undefined || room.isCrowded(current)) return crowdedError(waited)
    return room.admits(current) && serverLimit.error ? serverLimit.error : busyError(current.pool.max, waited)
  }
}

function busyError(max: number, waited: number): EntraError {
  return new EntraError(
    'CONNECT_TIMEOUT',
    `No connection was free within ${waited} ms (poolTimeout). All ${max} connections of the pool are at work: make ` +
      'queries and transactions shorter, or the pool larger (connectionLimit).',
  )
}
