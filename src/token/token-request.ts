import type { CredentialChain } from '../credentials/chain.ts'
import { reasonsOf } from '../credentials/failures.ts'
import { isThrottled, retryAfterOf } from '../credentials/retry-after.ts'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import type { TokenAcquiredEvent } from '../events.ts'
import { type Clock, type Random, Stopwatch, type Timer } from '../time/clock.ts'
import type { Lease } from './lease.ts'
import { delayOnDemand, retryDelay, throttledDelay } from './refresh-policy.ts'

/** How often to check the clock during a request, in ms: a request does not survive a sleep, and timers stand still. */
const CHECK_EVERY = 1_000

/**
 * Asks the credentials, for as long as the timeout allows.
 *
 * @param timeout - in ms
 * @param controller - aborted after the timeout; the chain then stops waiting, whether or not a credential heeds it
 * @throws {@link EntraError} `TOKEN_REQUEST_TIMEOUT`; what the chain threw; the signal's reason
 */
export async function requestToken(
  chain: CredentialChain<Lease>,
  scope: string,
  timeout: number,
  clock: Clock,
  controller: AbortController,
): Promise<Lease> {
  const age = new Stopwatch(clock)
  let timer: Timer | undefined
  const check = () => {
    const left = age.left(timeout)
    if (left <= 0) controller.abort(timedOut(timeout))
    else timer = clock.setTimer(Math.min(left, CHECK_EVERY), check)
  }
  check()
  try {
    // Whoever asked may leave at once: then no credential is asked.
    await Promise.resolve()
    return await chain.getToken(scope, { abortSignal: controller.signal })
  } finally {
    timer?.cancel()
  }
}

function timedOut(timeout: number): EntraError {
  return new EntraError(
    'TOKEN_REQUEST_TIMEOUT',
    `The credential did not answer within ${timeout} ms (requestTimeout). ` +
      'Check that this machine can reach its endpoint.',
  )
}

/** The error of a failed token request. */
export function requestFailed(cause: unknown): EntraError {
  if (cause instanceof EntraError) return cause
  return new EntraError('TOKEN_REQUEST_FAILED', `The credential could not get a token: ${reasonOf(cause)}`, { cause })
}

/** The pause before the next request: after a failure, after the same token came again, or after a refusal. */
export class RequestPause {
  /** Requests that have failed in a row. */
  failures = 0
  readonly #clock: Clock
  readonly #random: Random
  #set: { age: Stopwatch; delay: number; onDemand: number } | undefined

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /**
   * Starts the pause.
   *
   * @param delay - in ms
   * @param atLeast - even while work waits, in ms
   */
  set(delay: number, atLeast = 0): void {
    const onDemand = delayOnDemand(delay, atLeast, this.#random())
    this.#set = { age: new Stopwatch(this.#clock), delay, onDemand }
  }

  /**
   * Starts the pause after a failed request.
   *
   * @param timeLeft - until the deadline of the current token, in ms
   */
  afterFailure(cause: unknown, timeLeft: number | undefined): { attempt: number; retryInMs: number } {
    const attempt = ++this.failures
    const retryAfter = retryAfterOf(cause, this.#clock.now())
    const atLeast = throttledDelay(retryAfter, isThrottled(cause), attempt, this.#random())
    const retryInMs = retryDelay(attempt, this.#random(), atLeast, timeLeft)
    this.set(retryInMs, atLeast)
    return { attempt, retryInMs }
  }

  end(): void {
    this.#set = undefined
  }

  /** In ms; 0 or less once it is over. @param demand - whether work waits */
  left(demand: boolean): number {
    return this.#set?.age.left(demand ? this.#set.onDemand : this.#set.delay) ?? 0
  }
}

/** @param chain - the credentials that have just given the lease */
export function acquiredEvent(
  { expiresOn, refreshAfter }: Lease,
  { serving: credential = '', failures }: CredentialChain<Lease>,
  at: number,
  durationMs: number,
): TokenAcquiredEvent {
  const failed = failures.map((it) => ({ credential: it.credential, reason: reasonsOf(it.error).join(' ') }))
  const told = failed.length > 0 ? { failed } : {}
  return { type: 'token.acquired', at, credential, ...told, expiresOn, refreshAfter, durationMs }
}
