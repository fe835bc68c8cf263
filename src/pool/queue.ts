import { EntraError } from '../errors/entra-error.ts'
import { type Clock, Stopwatch, type Timer } from '../time/clock.ts'
import type { PoolContext } from './connection.ts'

/** How often to check whether work has waited too long, in ms: its limit may change meanwhile. */
const CHECK_EVERY = 5_000

/** The shortest pause between two checks, in ms, even if a limit is 0. */
const LEAST_PAUSE = 20

/** How long work may wait as things stand, and its error after that. */
interface WaitLimit {
  /** In ms. */
  timeout: number
  /** Whether it counts from when open connections began to serve: an outage before that is not their fault. */
  whileServed?: true
  error(): unknown
}

/**
 * One limit for each thing that work waits for: a free connection, a token, a server that accepts no login. If a login
 * failed and the next one waits for a token, the server is what the work has waited for, until the token takes longer.
 *
 * @param served - whether an open connection may yet be given back
 * @param logins - how long all of them have waited for a token, in ms, undefined if one has its token; why the last one failed
 */
export function waitLimit(
  served: boolean,
  { tokenWait, error: loginError }: { readonly tokenWait: number | undefined; readonly error: unknown },
  { source, settings }: PoolContext,
): WaitLimit {
  const { max, poolTimeout, waitTimeout, connectRetryTimeout } = settings
  const longest = Math.max(poolTimeout, connectRetryTimeout)
  if (served && loginError === undefined) {
    return { timeout: poolTimeout, whileServed: true, error: () => poolTimedOut(max, poolTimeout) }
  }
  const waitsForServer = loginError !== undefined && tokenWait !== undefined && tokenWait < waitTimeout
  if (served || waitsForServer) return { timeout: longest, error: () => loginError }
  if (tokenWait !== undefined) return { timeout: waitTimeout, error: () => source.unavailable(waitTimeout) }
  // The login in progress or the next one decides. This is for a login that never ends.
  const timeout = longest + waitTimeout
  return { timeout, error: () => loginError ?? loginTooSlow(timeout) }
}

/**
 * How long work has waited. Time in which the process was frozen, or the machine slept, counts as one look: nothing could
 * be done for the work then, and what was under way has failed meanwhile.
 */
class Wait {
  readonly #clock: Clock
  readonly #lookEvery: number
  #last: Stopwatch
  #waited: number

  /**
   * @param lookEvery - how often it is looked at, at least, in ms
   * @param waited - before it began, in ms
   */
  constructor(clock: Clock, lookEvery: number, waited = 0) {
    this.#clock = clock
    this.#lookEvery = lookEvery
    this.#last = new Stopwatch(clock)
    this.#waited = waited
  }

  /** In ms. */
  get elapsed(): number {
    this.#waited += Math.min(this.#last.elapsed, this.#lookEvery)
    this.#last = new Stopwatch(this.#clock)
    return this.#waited
  }
}

interface Waiter<T> {
  resolve(item: T): void
  reject(error: unknown): void
  readonly wait: Wait
  /** Since open connections serve; undefined if none does. */
  served: Wait | undefined
  timer: Timer | undefined
}

/** Work that waits for a connection: first come, first served. */
export class Queue<T> {
  readonly #clock: Clock
  readonly #checkEvery: number
  readonly #limit: () => WaitLimit
  readonly #onEmpty: () => void
  #waiters: Waiter<T>[] = []

  /**
   * @param shortest - the shortest possible limit, in ms
   * @param limit - called while work waits
   * @param onEmpty - called when no work waits any more
   */
  constructor(clock: Clock, shortest: number, limit: () => WaitLimit, onEmpty: () => void) {
    this.#clock = clock
    this.#checkEvery = Math.max(Math.min(shortest, CHECK_EVERY), LEAST_PAUSE)
    this.#limit = limit
    this.#onEmpty = onEmpty
  }

  get length(): number {
    return this.#waiters.length
  }

  /** How long the work that has waited longest has waited, in ms; 0 if none waits. */
  get longestWait(): number {
    return this.#waiters.reduce((longest, { wait }) => Math.max(longest, wait.elapsed), 0)
  }

  /** Waits at the end of the queue. @param since - when the wait began, if it is resumed: then at the head */
  join(since?: Stopwatch): Promise<T> {
    return new Promise((resolve, reject) => {
      const wait = new Wait(this.#clock, this.#checkEvery, since?.elapsed)
      const waiter: Waiter<T> = { resolve, reject, wait, served: undefined, timer: undefined }
      if (since === undefined) this.#waiters.push(waiter)
      else this.#waiters.unshift(waiter)
      this.#watch(waiter)
    })
  }

  /** Gives an item to the first in the queue. */
  serve(item: T): void {
    const waiter = this.#waiters.shift()
    waiter?.timer?.cancel()
    if (this.#waiters.length === 0) this.#onEmpty()
    waiter?.resolve(item)
  }

  /** Rejects all work that has waited for `timeout` ms; by default all work. */
  reject(error: unknown, timeout = 0): void {
    this.#rejectThese(
      this.#waiters.filter(({ wait }) => wait.elapsed >= timeout),
      error,
    )
  }

  #watch(waiter: Waiter<T>): void {
    const { timeout, whileServed, error } = this.#limit()
    waiter.served = whileServed && (waiter.served ?? new Wait(this.#clock, this.#checkEvery))
    // Looked at even while served: what is not looked at counts as frozen.
    const waited = waiter.wait.elapsed
    const left = timeout - (waiter.served?.elapsed ?? waited)
    if (left <= 0) this.#rejectThese([waiter], error())
    else waiter.timer = this.#clock.setTimer(Math.min(left, this.#checkEvery), () => this.#watch(waiter))
  }

  #rejectThese(waiters: readonly Waiter<T>[], error: unknown): void {
    if (waiters.length === 0) return
    const leaving = new Set(waiters)
    this.#waiters = this.#waiters.filter((waiter) => !leaving.has(waiter))
    for (const { timer, reject } of leaving) {
      timer?.cancel()
      reject(error)
    }
    if (this.#waiters.length === 0) this.#onEmpty()
  }
}

function poolTimedOut(max: number, waited: number): EntraError {
  return new EntraError(
    'CONNECT_TIMEOUT',
    `No connection was free within ${waited} ms (poolTimeout). All ${max} connections of the pool are busy. Make ` +
      'queries and transactions shorter, or the pool larger (connectionLimit).',
  )
}

function loginTooSlow(waited: number): EntraError {
  return new EntraError(
    'CONNECT_TIMEOUT',
    `No connection could be opened within ${waited} ms. The server is slow to accept logins. Check its load, or wait ` +
      'longer (poolTimeout, rotation.connectRetryTimeout).',
  )
}

/** What work is told that waits, or comes, after a disconnect. */
export function disconnected(): EntraError {
  return new EntraError('CLOSED', 'The client was disconnected. Call $connect() to use it again.')
}
