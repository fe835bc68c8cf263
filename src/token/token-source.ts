import { CredentialChain } from '../credentials/chain.ts'
import { claimsOf } from '../credentials/claims.ts'
import type { CredentialLike } from '../credentials/credential.ts'
import { PROMPT_TIMEOUT } from '../credentials/one-at-a-time.ts'
import { isLasting } from '../credentials/retry-after.ts'
import { credentialsForScope } from '../credentials/sign-in-options.ts'
import { EntraError, isMistake, textOf } from '../errors/entra-error.ts'
import { emit, type TokenEvent } from '../events.ts'
import { Alarm } from '../time/alarm.ts'
import { type Clock, systemClock } from '../time/clock.ts'
import { holdEventLoop } from '../time/event-loop.ts'
import { anotherTokenMayHelp, HeldLeases } from './held-leases.ts'
import { clockSkew, type Lease, leaseOf } from './lease.ts'
import { againDelay, askAgainDelay, defaultRefreshTiming, SHORTEST_LIFE } from './refresh-policy.ts'
import { acquiredEvent, RequestPause, requestFailed, requestToken } from './token-request.ts'
import { DEFAULT_WAIT, type TokenSourceOptions, type TokenSourceStats, type TokenWait } from './token-source-options.ts'
import { Waiters } from './waiters.ts'

const WAIT_LONGER = 'Check that this machine can reach its endpoint, or wait longer (rotation.waitTimeout).'

/**
 * Turns a credential into leases: holds the current one, makes one request at a time, and while it has subscribers,
 * requests the next token before the current one ends. One source may serve many adapters.
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
  readonly #chain: CredentialChain<Lease>
  readonly #ask: (request: AbortController) => Promise<Lease>
  readonly #clock: Clock
  readonly #onEvent: ((event: TokenEvent) => void) | undefined
  readonly #subscribers = new Set<(event: TokenEvent) => void>()
  readonly #observers = new Set<(event: TokenEvent) => void>()
  readonly #stats = { tokensRequested: 0, tokensAcquired: 0, refreshesFailed: 0 }
  /** Work that waits for a valid token. */
  readonly #waiters: Waiters<Lease>
  /** Work that waits for a token in place of a refused one. */
  readonly #refusedWaiters: Waiters<Lease | undefined>
  readonly #leases: HeldLeases
  readonly #pause: RequestPause
  readonly #alarm: Alarm
  #inFlight: AbortController | undefined
  #lastError: EntraError | undefined
  #closed = false

  /**
   * @param credential - as the adapter's option `credential`: one, or several in order of preference. Not asked before the
   * first `get()`
   * @throws {@link EntraError} `CONFIG_INVALID`
   */
  constructor(credential: CredentialLike | readonly CredentialLike[], options: TokenSourceOptions) {
    if (typeof options?.scope !== 'string' || options.scope === '') {
      throw new EntraError('CONFIG_INVALID', 'scope must be a string such as "https://database.windows.net/.default".')
    }
    const credentials = credentialsForScope(credential, options.scope)
    const asksPerson = credentials.some(({ interactive }) => interactive)
    const { scope, requestTimeout = asksPerson ? PROMPT_TIMEOUT : 30_000 } = options
    const { clock = systemClock, random = Math.random, onEvent, telemetry } = options
    if (!(requestTimeout > 0)) {
      throw new EntraError('CONFIG_INVALID', `requestTimeout must be a number of ms above 0, not ${requestTimeout}.`)
    }
    const timing = { ...defaultRefreshTiming, ...options.timing }
    const chain = new CredentialChain(credentials, clock, (answer) => leaseOf(answer, clock, timing, random()))
    const ask = (request: AbortController) => requestToken(chain, scope, requestTimeout, clock, request)
    const serving = () => chain.serving
    this.#chain = chain
    this.#ask = (request) => telemetry?.signIn(() => ask(request), this.#demand, serving) ?? ask(request)
    this.#clock = clock
    this.#leases = new HeldLeases(clock)
    this.#pause = new RequestPause(clock, random)
    this.#onEvent = onEvent
    this.#alarm = new Alarm(clock, () => this.#step())
    this.#waiters = new Waiters(clock, () => this.#rest())
    this.#refusedWaiters = new Waiters(clock, () => this.#rest())
  }

  /** The last token acquired, whatever its age; undefined before the first. */
  get current(): Lease | undefined {
    return this.#leases.current
  }

  stats(): TokenSourceStats {
    return { ...this.#stats, waiting: this.#waiters.size + this.#refusedWaiters.size }
  }

  /**
   * A lease that new work may begin with: the current one, or the next one if the current one is past its deadline.
   *
   * @throws {@link EntraError} `TOKEN_UNAVAILABLE` after `timeout`; the error of the very first request, at once, if its
   * reason is permanent (no identity here, a wrong secret); `CLOSED`
   */
  async get({ timeout = DEFAULT_WAIT, signal }: TokenWait = {}): Promise<Lease> {
    this.#throwIfEnded(signal)
    const { fresh } = this.#leases
    if (fresh !== undefined) {
      this.#step()
      return fresh
    }
    return this.#wait(this.#waiters, timeout, signal, () => {
      throw this.unavailable(timeout)
    })
  }

  /**
   * Reports that a server refused this lease's token, and asks for another one. The credential is asked again only if
   * the refusal finds the token at fault: once for each token, and at most once in 5 min (or half of the token's life).
   * Until another token arrives, {@link get} keeps returning this one.
   *
   * @param refusal - the error of the login or the statement
   * @returns a lease with another token; undefined if no other token can help, and the refusal stands
   * @throws {@link EntraError} `CLOSED`; the signal's reason
   */
  async refused(lease: Lease, refusal: unknown, wait: TokenWait = {}): Promise<Lease | undefined> {
    this.#throwIfEnded(wait.signal)
    if (!anotherTokenMayHelp(refusal)) return undefined
    const { current } = this
    if (current !== undefined && current.token !== lease.token) return this.get(wait)
    if (!this.#leases.replace(lease)) return undefined
    return this.#wait(this.#refusedWaiters, wait.timeout ?? DEFAULT_WAIT, wait.signal, () => undefined)
  }

  /** The error of work that has waited too long for a token. @param waited - in ms */
  unavailable(waited: number): EntraError {
    const cause = this.#lastError
    const remedy = cause === undefined ? `\n${WAIT_LONGER}` : ''
    const text = `No valid token was available within ${Math.round(waited)} ms. ${this.lack}${remedy}`
    return new EntraError('TOKEN_UNAVAILABLE', text, { cause })
  }

  /** Why there is no token yet. */
  get lack(): string {
    return this.#lastError === undefined ? this.#chain.progress() : textOf(this.#lastError)
  }

  /**
   * Calls `listener` with each event, and keeps the token refreshed ahead of time, until you call the function that is
   * returned. When the last subscriber leaves, timers stop and a request in flight is aborted.
   */
  subscribe(listener: (event: TokenEvent) => void): () => void {
    this.#subscribers.add(listener)
    this.#step()
    return () => {
      if (this.#subscribers.delete(listener)) this.#rest()
    }
  }

  /** Calls `listener` with each event, until you call the function that is returned. Requests no tokens. */
  observe(listener: (event: TokenEvent) => void): () => void {
    this.#observers.add(listener)
    return () => {
      this.#observers.delete(listener)
    }
  }

  /** Closes the source: timers and requests end, and work that waits for a token fails with `CLOSED`. */
  close(): void {
    this.#closed = true
    this.#subscribers.clear()
    this.#observers.clear()
    this.#waiters.rejectAll(closed())
    this.#refusedWaiters.rejectAll(closed())
    this.#rest()
  }

  #throwIfEnded(signal: AbortSignal | undefined): void {
    if (this.#closed) throw closed()
    signal?.throwIfAborted()
  }

  #wait<T>(waiters: Waiters<T>, timeout: number, signal: AbortSignal | undefined, onTimeout: () => T): Promise<T> {
    const waiting = waiters.wait(timeout, signal, onTimeout)
    this.#step()
    return holdEventLoop(waiting)
  }

  /** Whether work waits for a token. */
  get #demand(): boolean {
    return this.#waiters.size + this.#refusedWaiters.size > 0
  }

  /** Stops timers and requests that nobody needs. */
  #rest(): void {
    if (this.#subscribers.size > 0 || this.#demand) return
    this.#alarm.cancel()
    this.#inFlight?.abort()
    this.#inFlight = undefined
  }

  /** Does what is due by the clock, and sets the alarm for what is due next. */
  #step(): void {
    this.#alarm.cancel()
    // A token that had ended may be good again, if the clock was ahead for a while.
    const { fresh } = this.#leases
    if (fresh !== undefined) this.#waiters.resolveAll(fresh)
    if (this.#inFlight !== undefined) return
    const delay = this.#nextRequestIn()
    if (delay === undefined) return
    if (delay <= 0) void this.#request()
    else this.#alarm.set(delay)
  }

  /** In ms; undefined if no request is needed. */
  #nextRequestIn(): number | undefined {
    const demand = this.#demand
    const { current: lease, replacing } = this.#leases
    if (this.#closed || (!demand && lease === undefined && !replacing)) return undefined
    const wanted = demand || replacing || lease === undefined ? 0 : lease.refreshAfter - lease.now()
    const delay = Math.max(wanted, this.#pause.left(demand))
    // Without subscribers nothing is refreshed ahead of time, except when a lease that is due has just been used.
    const spare = lease !== undefined && delay <= 0
    return demand || this.#subscribers.size > 0 || spare ? delay : undefined
  }

  async #request(): Promise<void> {
    const request = new AbortController()
    const startedAt = this.#clock.now()
    this.#inFlight = request
    this.#stats.tokensRequested++
    let tell: () => void
    try {
      const lease = await this.#ask(request)
      tell = () => this.#succeed(lease, startedAt)
    } catch (error) {
      tell = () => this.#fail(error)
    }
    if (this.#inFlight !== request) return
    // A listener may ask for a token at once. That needs no other request.
    tell()
    this.#inFlight = undefined
    this.#step()
  }

  #succeed(lease: Lease, startedAt: number): void {
    this.#pause.failures = 0
    this.#lastError = undefined
    const known = this.#leases.take(lease)
    if (known === undefined) this.#acquired(lease, startedAt)
    else {
      const retryInMs = askAgainDelay(known.expiresOn - known.acquiredAt, known.deadlineIn)
      this.#pause.set(retryInMs)
      this.#emit({ type: 'token.unchanged', at: this.#clock.now(), expiresOn: known.expiresOn, retryInMs })
    }
    this.#leases.replacing = false
    this.#refusedWaiters.resolveAll(known === undefined ? this.#leases.fresh : undefined)
  }

  #acquired(lease: Lease, startedAt: number): void {
    const at = this.#clock.now()
    const { token, expiresOn, timeLeft } = lease
    this.#stats.tokensAcquired++
    // If this one is refused too, or a wrong clock leaves it no time, the next request has to wait.
    if (this.#leases.replacing || timeLeft < SHORTEST_LIFE) this.#pause.set(againDelay(timeLeft))
    else this.#pause.end()
    this.#emit(acquiredEvent(lease, this.#chain, at, at - startedAt))
    const claims = claimsOf(token)
    const skewMs = claims && clockSkew(claims, expiresOn, at)
    if (skewMs !== undefined) this.#emit({ type: 'clock.skew', at, skewMs })
  }

  #fail(cause: unknown): void {
    const now = this.#clock.now()
    const error = requestFailed(cause)
    this.#lastError = error
    this.#stats.refreshesFailed++
    const { attempt, retryInMs } = this.#pause.afterFailure(cause, this.current?.deadlineIn)
    const hopeless = this.#stats.tokensAcquired === 0 && (isMistake(error) || isLasting(cause))
    if (hopeless) this.#waiters.rejectAll(error)
    this.#emit({ type: 'token.refresh-failed', at: now, error, attempt, retryInMs })
  }

  #emit(event: TokenEvent): void {
    // Observers first: a subscriber may emit what follows from this event.
    emit(event, this.#onEvent, ...this.#observers, ...this.#subscribers)
  }
}

function closed(): EntraError {
  return new EntraError('CLOSED', 'The token source was closed and returns no more tokens. Create another one.')
}
