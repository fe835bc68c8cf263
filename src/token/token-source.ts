import { Alarm } from '../alarm.ts'
import { type Clock, type Random, Stopwatch, systemClock } from '../clock.ts'
import { CredentialChain } from '../credentials/chain.ts'
import type { CredentialLike } from '../credentials/credential.ts'
import { reasonsOf } from '../credentials/failures.ts'
import { PROMPT_TIMEOUT } from '../credentials/prompt.ts'
import { credentialsForScope } from '../credentials/sign-in-options.ts'
import { EntraError, reasonOf, textOf } from '../errors/entra-error.ts'
import { holdEventLoop } from '../event-loop.ts'
import { notify, publish, type TokenAcquiredEvent, type TokenEvent } from '../events.ts'
import { claimsOf } from './claims.ts'
import { clockSkew } from './clock-skew.ts'
import { type Lease, leaseOf } from './lease.ts'
import {
  againDelay,
  askAgainDelay,
  defaultRefreshTiming,
  hardDeadline,
  isFresh,
  type RefreshTiming,
  retryDelay,
  SHORTEST_LIFE,
  throttledDelay,
} from './refresh-policy.ts'
import { isLasting, isThrottled, retryAfterOf } from './retry-after.ts'
import { requestToken } from './token-request.ts'

/** Options of a {@link TokenSource}. */
export interface TokenSourceOptions {
  /** What the tokens are for, such as `https://database.windows.net/.default`. */
  scope: string
  /** A token request that takes longer is given up, in ms. @defaultValue 30_000; 180_000 where a person is asked */
  requestTimeout?: number
  /** When to ask for the next token. */
  timing?: Partial<RefreshTiming>
  /** Called with each event of this source. */
  onEvent?: (event: TokenEvent) => void
  /** For tests. @defaultValue the machine's clock */
  clock?: Clock
  /** For tests. @defaultValue `Math.random` */
  random?: Random
}

/** What a source has done so far. */
export interface TokenSourceStats {
  /** Token requests made. */
  tokensRequested: number
  /** Requests that gave a new token. */
  tokensAcquired: number
  /** Requests that failed. */
  refreshesFailed: number
}

/** How long `get()` waits unless told otherwise, in ms: the connect timeout of `mssql`. */
const DEFAULT_WAIT = 15_000

/** While work waits for a token, a failed request is tried again after this long at the latest, in ms. */
const RETRY_ON_DEMAND = 2_000

interface Waiter {
  resolve(lease: Lease): void
  reject(error: unknown): void
  /** Takes its timer and its listener away. */
  stop(): void
}

/** A time before which no request is made: after a failure, after the same token came again, or after a refusal. */
interface Pause {
  age: Stopwatch
  delay: number
  /** What the authority asked for by `Retry-After`, or what it is owed after too many requests: kept to even while work waits. */
  atLeast: number
}

/**
 * Turns a credential into leases: holds the current one, has one request in flight at most, and while somebody
 * subscribes asks for the next token before the current one is at its end. One source may serve many adapters.
 *
 * @example
 * ```ts
 * const tokenSource = new TokenSource(new ManagedIdentityCredential(), {
 *   scope: 'https://database.windows.net/.default',
 * })
 * const tenants = urls.map((url) => new PrismaMssqlEntra(url, { tokenSource }))
 * ```
 */
export class TokenSource {
  readonly #credential: CredentialChain
  readonly #scope: string
  readonly #requestTimeout: number
  readonly #timing: RefreshTiming
  readonly #clock: Clock
  readonly #random: Random
  readonly #onEvent: ((event: TokenEvent) => void) | undefined
  readonly #subscribers = new Set<(event: TokenEvent) => void>()
  readonly #observers = new Set<(event: TokenEvent) => void>()
  readonly #waiters = new Set<Waiter>()
  readonly #stats: TokenSourceStats = { tokensRequested: 0, tokensAcquired: 0, refreshesFailed: 0 }

  #lease: Lease | undefined
  #inFlight: AbortController | undefined
  #pause: Pause | undefined
  /** Whether the next token replaces one that the server refused. */
  #replacing = false
  #failures = 0
  #lastError: EntraError | undefined
  readonly #alarm: Alarm
  #closed = false

  /**
   * @param credential - what the adapter's option `credential` takes: one, or several in order of preference; asked for
   * nothing until the first `get()`
   * @throws {@link EntraError} `CONFIG_INVALID`
   */
  constructor(credential: CredentialLike | readonly CredentialLike[], options: TokenSourceOptions) {
    if (typeof options?.scope !== 'string' || options.scope === '') {
      throw new EntraError('CONFIG_INVALID', 'scope must be a string such as "https://database.windows.net/.default".')
    }
    const credentials = credentialsForScope(credential, options.scope)
    const asksPerson = credentials.some(({ interactive }) => interactive)
    const requestTimeout = options.requestTimeout ?? (asksPerson ? PROMPT_TIMEOUT : 30_000)
    if (!(requestTimeout > 0)) {
      throw new EntraError('CONFIG_INVALID', `requestTimeout must be a number of ms above 0, not ${requestTimeout}.`)
    }
    this.#scope = options.scope
    this.#requestTimeout = requestTimeout
    this.#timing = { ...defaultRefreshTiming, ...options.timing }
    this.#clock = options.clock ?? systemClock
    this.#credential = new CredentialChain(credentials, {
      clock: this.#clock,
      accept: (answer) => leaseOf(answer, this.#clock, this.#timing),
    })
    this.#random = options.random ?? Math.random
    this.#onEvent = options.onEvent
    this.#alarm = new Alarm(this.#clock, () => this.#step())
  }

  /** The last token that was had, whatever its age; undefined before the first and after `invalidate`. */
  get current(): Lease | undefined {
    return this.#lease
  }

  /** The numbers by which this source refreshes. */
  get timing(): Readonly<RefreshTiming> {
    return this.#timing
  }

  stats(): TokenSourceStats {
    return { ...this.#stats }
  }

  /**
   * A lease that new work may begin with: the current one, or the next one where the current one is at its end.
   *
   * @param options - `timeout`: how long to wait for a token at most, in ms; 15_000 unless given. `signal`: ends the
   * wait with its reason
   * @throws {@link EntraError} `TOKEN_UNAVAILABLE` after `timeout`, or, where the very first request fails for a reason
   * that will not pass by itself (no identity here, a wrong secret), that request's error at once; `CLOSED`
   */
  get(options: { timeout?: number; signal?: AbortSignal } = {}): Promise<Lease> {
    if (this.#closed) return Promise.reject(closedError())
    if (options.signal?.aborted) return Promise.reject(options.signal.reason)
    const lease = this.#lease
    if (lease !== undefined && this.#isFresh(lease)) {
      this.#step()
      return Promise.resolve(lease)
    }
    return holdEventLoop(this.#wait(options.timeout ?? DEFAULT_WAIT, options.signal))
  }

  /**
   * Says that the server refused this lease's token: the credential is asked anew before a lease is given out. A
   * credential that answers from its cache gives the same token again, and then that is the token there is.
   */
  invalidate(lease: Lease): void {
    if (this.#lease !== lease) return
    this.#lease = undefined
    this.#replacing = true
    this.#step()
  }

  /**
   * Calls `listener` with each event, and has the source refresh its token ahead of time until the function that is
   * returned is called. The last one to leave takes timers and a request under way with it.
   */
  subscribe(listener: (event: TokenEvent) => void): () => void {
    this.#subscribers.add(listener)
    this.#step()
    return () => {
      if (this.#subscribers.delete(listener)) this.#rest()
    }
  }

  /** Calls `listener` with each event, until the function that is returned is called. Asks for nothing. */
  observe(listener: (event: TokenEvent) => void): () => void {
    this.#observers.add(listener)
    return () => void this.#observers.delete(listener)
  }

  async refused(lease: Lease, _error: unknown, _wait: { signal?: AbortSignal } = {}): Promise<Lease | undefined> {
    if (!['TOKEN_REFUSED', 'SESSION_TOKEN_EXPIRED'].includes((_error as EntraError).code)) return undefined
    this.invalidate(lease)
    return this.get(_wait)
  }

  /** Ends the source: no timer and no request stays, whoever waits for a token is told `CLOSED`. */
  close(): void {
    this.#closed = true
    this.#subscribers.clear()
    for (const waiter of [...this.#waiters]) this.#release(waiter).reject(closedError())
    this.#rest()
  }

  #isFresh(lease: Lease): boolean {
    return isFresh(lease, lease.now(), this.#timing)
  }

  #wait(timeout: number, signal: AbortSignal | undefined): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const giveUp = (reason: unknown) => {
        this.#release(waiter).reject(reason)
        this.#rest()
      }
      const onAbort = () => giveUp(signal?.reason)
      const timer = this.#clock.setTimer(timeout, () => giveUp(this.unavailable(timeout)))
      const waiter: Waiter = {
        resolve,
        reject,
        stop() {
          timer.cancel()
          signal?.removeEventListener('abort', onAbort)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.add(waiter)
      this.#step()
    })
  }

  #release(waiter: Waiter): Waiter {
    this.#waiters.delete(waiter)
    waiter.stop()
    return waiter
  }

  /** What work is told that has waited for a token as long as it may. @param timeout - in ms */
  unavailable(timeout: number): EntraError {
    const why =
      this.#lastError === undefined ? `${this.#credential.progress()}\n${WAIT_LONGER}` : textOf(this.#lastError)
    return new EntraError('TOKEN_UNAVAILABLE', `No valid token could be had within ${Math.round(timeout)} ms. ${why}`, {
      cause: this.#lastError,
    })
  }

  /** Stops what runs for nobody. */
  #rest(): void {
    if (this.#subscribers.size > 0 || this.#waiters.size > 0) return
    this.#alarm.cancel()
    this.#inFlight?.abort()
    this.#inFlight = undefined
  }

  /** Does what is due by the clock, and sets the alarm for what is due next. */
  #step(): void {
    this.#alarm.cancel()
    if (this.#inFlight !== undefined) return
    const delay = this.#nextRequestIn()
    if (delay === undefined) return
    if (delay <= 0) void this.#request(this.#clock.now())
    else this.#alarm.set(delay)
  }

  /** In ms; undefined where there is nothing to ask for. */
  #nextRequestIn(): number | undefined {
    const demand = this.#waiters.size > 0
    const lease = this.#lease
    if (this.#closed || (!demand && lease === undefined && !this.#replacing)) return undefined
    const wanted = demand || lease === undefined ? 0 : lease.refreshAfter - lease.now()
    const delay = Math.max(wanted, this.#pauseLeft(demand))
    // Without subscribers nothing is asked for ahead of time; whoever takes a lease that is due is spared the next wait.
    const spare = lease !== undefined && delay <= 0
    return demand || this.#subscribers.size > 0 || spare ? delay : undefined
  }

  #pauseLeft(demand: boolean): number {
    const pause = this.#pause
    if (pause === undefined) return 0
    return pause.age.left(demand ? Math.max(Math.min(pause.delay, RETRY_ON_DEMAND), pause.atLeast) : pause.delay)
  }

  /** @param atLeast - even while work waits, in ms */
  #pauseFor(delay: number, atLeast = 0): void {
    this.#pause = { age: new Stopwatch(this.#clock), delay, atLeast }
  }

  async #request(startedAt: number): Promise<void> {
    const request = new AbortController()
    this.#inFlight = request
    this.#stats.tokensRequested++
    let settle: () => void
    try {
      const answer = await requestToken({
        credential: this.#credential,
        scope: this.#scope,
        timeout: this.#requestTimeout,
        clock: this.#clock,
        controller: request,
      })
      const lease = leaseOf(answer, this.#clock, this.#timing, this.#random())
      settle = () => this.#succeed(lease, startedAt)
    } catch (error) {
      settle = () => this.#fail(error)
    }
    if (this.#inFlight !== request) return
    this.#inFlight = undefined
    settle()
    this.#step()
  }

  #succeed(lease: Lease, startedAt: number): void {
    const at = this.#clock.now()
    this.#failures = 0
    this.#lastError = undefined
    const known = this.#lease
    // Where the known one has ended and the credential stands by the same token, its word counts: the clock was set.
    if (known?.token === lease.token && (this.#isFresh(known) || !this.#isFresh(lease))) {
      const retryInMs = askAgainDelay(known, known.now(), this.#timing)
      this.#pauseFor(retryInMs)
      this.#emit({ type: 'token.unchanged', at, expiresOn: known.expiresOn, retryInMs })
    } else {
      this.#stats.tokensAcquired++
      this.#lease = lease
      // Where this one is refused too, or a wrong clock leaves it no time, whoever asks for yet another has to wait.
      if (this.#replacing || lease.timeLeft < SHORTEST_LIFE) this.#pauseFor(againDelay(lease.timeLeft))
      else this.#pause = undefined
      this.#replacing = false
      const { expiresOn, refreshAfter } = lease
      this.#emit({ type: 'token.acquired', at, ...this.#served(), expiresOn, refreshAfter, durationMs: at - startedAt })
      this.#reportSkew(lease, at)
    }
    const current = this.#lease
    if (current === undefined || !this.#isFresh(current)) return
    for (const waiter of [...this.#waiters]) this.#release(waiter).resolve(current)
  }

  #reportSkew({ token, expiresOn }: Lease, at: number): void {
    const claims = claimsOf(token)
    const skewMs = claims && clockSkew(claims, expiresOn, at)
    if (skewMs !== undefined) this.#emit({ type: 'clock.skew', at, skewMs })
  }

  /** Whose token it is that was just given. */
  #served(): Pick<TokenAcquiredEvent, 'credential' | 'failed'> {
    const { serving: credential = '', failures } = this.#credential
    const failed = failures.map((it) => ({ credential: it.credential, reason: reasonsOf(it.error).join(' ') }))
    return { credential, ...(failed.length > 0 && { failed }) }
  }

  #fail(cause: unknown): void {
    const now = this.#clock.now()
    const error =
      cause instanceof EntraError
        ? cause
        : new EntraError('TOKEN_REQUEST_FAILED', `The credential could not give a token: ${reasonOf(cause)}`, { cause })
    this.#lastError = error
    this.#failures++
    this.#stats.refreshesFailed++
    const atLeast = throttledDelay(retryAfterOf(cause, now), isThrottled(cause), this.#random())
    const timeLeft = this.#lease && hardDeadline(this.#lease, this.#timing) - this.#lease.now()
    const retryInMs = retryDelay(this.#failures, this.#random(), atLeast, timeLeft)
    this.#pauseFor(retryInMs, atLeast)
    const hopeless = this.#stats.tokensAcquired === 0 && (error.code === 'TOKEN_INVALID' || isLasting(cause))
    if (hopeless) for (const waiter of [...this.#waiters]) this.#release(waiter).reject(error)
    this.#emit({ type: 'token.refresh-failed', at: now, error, attempt: this.#failures, retryInMs })
  }

  #emit(event: TokenEvent): void {
    publish(event)
    notify(this.#onEvent, event)
    for (const subscriber of [...this.#subscribers, ...this.#observers]) notify(subscriber, event)
  }
}

const WAIT_LONGER = 'Check that its endpoint can be reached from here, or wait longer (rotation.waitTimeout).'

function closedError(): EntraError {
  return new EntraError('CLOSED', 'The token source was closed; it gives no more tokens. Make another one.')
}
