import { CredentialChain } from '../credentials/chain.ts'
import type { CredentialLike } from '../credentials/credential.ts'
import { PROMPT_TIMEOUT } from '../credentials/one-at-a-time.ts'
import { isLasting, isThrottled, retryAfterOf } from '../credentials/retry-after.ts'
import { credentialsForScope } from '../credentials/sign-in-options.ts'
import { EntraError } from '../errors/entra-error.ts'
import { notify, publish, type TokenEvent } from '../events.ts'
import { Alarm } from '../time/alarm.ts'
import { type Clock, type Random, systemClock } from '../time/clock.ts'
import { holdEventLoop } from '../time/event-loop.ts'
import { HeldLeases } from './held-leases.ts'
import { type Lease, leaseOf } from './lease.ts'
import {
  againDelay,
  askAgainDelay,
  defaultRefreshTiming,
  hardDeadline,
  type RefreshTiming,
  retryDelay,
  SHORTEST_LIFE,
  throttledDelay,
} from './refresh-policy.ts'
import { anotherTokenMayHelp } from './refusal-policy.ts'
import { RequestPause } from './request-pause.ts'
import { closed, requestFailed, unavailable } from './token-errors.ts'
import { acquiredEvent, skewEvent } from './token-events.ts'
import { requestToken } from './token-request.ts'
import { DEFAULT_WAIT, type TokenSourceOptions, type TokenSourceStats, type TokenWait } from './token-source-options.ts'
import { Waiters } from './waiters.ts'

export type { TokenSourceOptions, TokenSourceStats, TokenWait } from './token-source-options.ts'

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
  readonly #stats = { tokensRequested: 0, tokensAcquired: 0, refreshesFailed: 0 }
  /** Who waits for a token to begin with. */
  readonly #waiters: Waiters<Lease>
  /** Who waits for another token than the one that was refused. */
  readonly #refusedWaiters: Waiters<Lease | undefined>
  readonly #leases: HeldLeases
  readonly #pause: RequestPause
  readonly #alarm: Alarm

  #inFlight: AbortController | undefined
  #failures = 0
  #lastError: EntraError | undefined
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
    this.#leases = new HeldLeases(this.#clock, this.#timing)
    this.#credential = new CredentialChain(credentials, {
      clock: this.#clock,
      accept: (answer) => leaseOf(answer, this.#clock, this.#timing),
    })
    this.#random = options.random ?? Math.random
    this.#pause = new RequestPause(this.#clock, this.#random)
    this.#onEvent = options.onEvent
    this.#alarm = new Alarm(this.#clock, () => this.#step())
    this.#waiters = new Waiters(this.#clock, () => this.#rest())
    this.#refusedWaiters = new Waiters(this.#clock, () => this.#rest())
  }

  /** The last token that was had, whatever its age; undefined before the first. */
  get current(): Lease | undefined {
    return this.#leases.current
  }

  /** The numbers by which this source refreshes. */
  get timing(): Readonly<RefreshTiming> {
    return this.#timing
  }

  stats(): TokenSourceStats {
    return { ...this.#stats, waiting: this.#waiters.size + this.#refusedWaiters.size }
  }

  /**
   * A lease that new work may begin with: the current one, or the next one where the current one is at its end.
   *
   * @throws {@link EntraError} `TOKEN_UNAVAILABLE` after `timeout`, or, where the very first request fails for a reason
   * that will not pass by itself (no identity here, a wrong secret), that request's error at once; `CLOSED`
   */
  get({ timeout = DEFAULT_WAIT, signal }: TokenWait = {}): Promise<Lease> {
    const ended = this.#ended(signal)
    if (ended !== undefined) return ended
    const { fresh } = this.#leases
    if (fresh !== undefined) {
      this.#step()
      return Promise.resolve(fresh)
    }
    return this.#wait(this.#waiters, timeout, signal, () => {
      throw this.unavailable(timeout)
    })
  }

  /**
   * Says that a server refused this lease's token, and asks what to log in with instead. Only where the refusal finds
   * the token at fault is the credential asked anew: once for each token, and once in 5 min (or half of the token's
   * life) at most. Until another token comes this one remains what {@link get} gives, to others and to you.
   *
   * @param refusal - the error of the login or the statement
   * @returns a lease with another token; undefined where none is to be had that may help, so that the refusal stands
   * @throws {@link EntraError} `CLOSED`; the signal's reason
   */
  refused(lease: Lease, refusal: unknown, wait: TokenWait = {}): Promise<Lease | undefined> {
    const ended = this.#ended(wait.signal)
    if (ended !== undefined) return ended
    if (!anotherTokenMayHelp(refusal)) return Promise.resolve(undefined)
    const { current } = this.#leases
    if (current !== undefined && current.token !== lease.token) return this.get(wait)
    if (!this.#leases.replace(lease)) return Promise.resolve(undefined)
    return this.#wait(this.#refusedWaiters, wait.timeout ?? DEFAULT_WAIT, wait.signal, () => undefined)
  }

  /** What work is told that has waited for a token as long as it may. @param waited - in ms */
  unavailable(waited: number): EntraError {
    return unavailable(waited, this.#lastError, this.#credential.progress())
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
    return () => {
      this.#observers.delete(listener)
    }
  }

  /** Ends the source: no timer and no request stays, whoever waits for a token is told `CLOSED`. */
  close(): void {
    this.#closed = true
    this.#subscribers.clear()
    this.#observers.clear()
    this.#waiters.rejectAll(closed())
    this.#refusedWaiters.rejectAll(closed())
    this.#rest()
  }

  #ended(signal: AbortSignal | undefined): Promise<never> | undefined {
    if (this.#closed) return Promise.reject(closed())
    return signal?.aborted ? Promise.reject(signal.reason) : undefined
  }

  #wait<T>(waiters: Waiters<T>, timeout: number, signal: AbortSignal | undefined, onTimeout: () => T): Promise<T> {
    const waiting = waiters.wait(timeout, signal, onTimeout)
    this.#step()
    return holdEventLoop(waiting)
  }

  /** Whether somebody waits for a token. */
  get #demand(): boolean {
    return this.#waiters.size + this.#refusedWaiters.size > 0
  }

  /** Stops what runs for nobody. */
  #rest(): void {
    if (this.#subscribers.size > 0 || this.#demand) return
    this.#alarm.cancel()
    this.#inFlight?.abort()
    this.#inFlight = undefined
  }

  /** Does what is due by the clock, and sets the alarm for what is due next. */
  #step(): void {
    this.#alarm.cancel()
    // A token that had ended may be good again, where the clock was ahead for a while.
    const { fresh } = this.#leases
    if (fresh !== undefined) this.#waiters.resolveAll(fresh)
    if (this.#inFlight !== undefined) return
    const delay = this.#nextRequestIn()
    if (delay === undefined) return
    if (delay <= 0) void this.#request(this.#clock.now())
    else this.#alarm.set(delay)
  }

  /** In ms; undefined where there is nothing to ask for. */
  #nextRequestIn(): number | undefined {
    const demand = this.#demand
    const { current: lease, replacing } = this.#leases
    if (this.#closed || (!demand && lease === undefined && !replacing)) return undefined
    const wanted = demand || replacing || lease === undefined ? 0 : lease.refreshAfter - lease.now()
    const delay = Math.max(wanted, this.#pause.left(demand))
    // Without subscribers nothing is asked for ahead of time; whoever takes a lease that is due is spared the next wait.
    const spare = lease !== undefined && delay <= 0
    return demand || this.#subscribers.size > 0 || spare ? delay : undefined
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
    // Whoever hears of it may ask for a token at once: no other request is needed for that.
    settle()
    this.#inFlight = undefined
    this.#step()
  }

  #succeed(lease: Lease, startedAt: number): void {
    this.#failures = 0
    this.#lastError = undefined
    const known = this.#leases.take(lease)
    if (known === undefined) this.#acquired(lease, startedAt)
    else this.#unchanged(known)
    this.#leases.replacing = false
    this.#refusedWaiters.resolveAll(known === undefined ? this.#leases.fresh : undefined)
  }

  #unchanged(lease: Lease): void {
    const retryInMs = askAgainDelay(lease, lease.now(), this.#timing)
    this.#pause.set(retryInMs)
    this.#emit({ type: 'token.unchanged', at: this.#clock.now(), expiresOn: lease.expiresOn, retryInMs })
  }

  #acquired(lease: Lease, startedAt: number): void {
    const at = this.#clock.now()
    const { timeLeft } = lease
    this.#stats.tokensAcquired++
    // Where this one is refused too, or a wrong clock leaves it no time, whoever asks for yet another has to wait.
    if (this.#leases.replacing || timeLeft < SHORTEST_LIFE) this.#pause.set(againDelay(timeLeft))
    else this.#pause.end()
    this.#emit(acquiredEvent(lease, this.#credential, at, at - startedAt))
    const skew = skewEvent(lease, at)
    if (skew !== undefined) this.#emit(skew)
  }

  #fail(cause: unknown): void {
    const now = this.#clock.now()
    const error = requestFailed(cause)
    this.#lastError = error
    this.#failures++
    this.#stats.refreshesFailed++
    const atLeast = throttledDelay(retryAfterOf(cause, now), isThrottled(cause), this.#failures, this.#random())
    const { current } = this.#leases
    const timeLeft = current && hardDeadline(current, this.#timing) - current.now()
    const retryInMs = retryDelay(this.#failures, this.#random(), atLeast, timeLeft)
    this.#pause.set(retryInMs, atLeast)
    const hopeless = this.#stats.tokensAcquired === 0 && (error.code === 'TOKEN_INVALID' || isLasting(cause))
    if (hopeless) this.#waiters.rejectAll(error)
    this.#emit({ type: 'token.refresh-failed', at: now, error, attempt: this.#failures, retryInMs })
  }

  #emit(event: TokenEvent): void {
    publish(event)
    notify(this.#onEvent, event)
    for (const subscriber of [...this.#subscribers, ...this.#observers]) notify(subscriber, event)
  }
}
