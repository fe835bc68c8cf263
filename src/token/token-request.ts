import type { AccessToken, TokenCredential } from '@azure/identity'
import { EntraError } from '../errors/entra-error.ts'
import { type Clock, Stopwatch, type Timer } from '../time/clock.ts'

/**
 * How often the clock is looked at while a request is under way, in ms: after a machine has slept nobody answers any
 * more, and its timers stood still.
 */
const LOOK_AT_REQUEST = 1_000

/** What {@link requestToken} needs. */
export interface TokenRequest {
  credential: TokenCredential
  scope: string
  /** In ms. */
  timeout: number
  clock: Clock
  /** Aborted after the timeout too. */
  controller: AbortController
}

/**
 * Asks the credential, and gives up after the timeout, whether or not the credential heeds the signal.
 *
 * @throws {@link EntraError} `TOKEN_REQUEST_TIMEOUT`; what the credential threw; the signal's reason
 */
export function requestToken({
  credential,
  scope,
  timeout,
  clock,
  controller,
}: TokenRequest): Promise<AccessToken | null> {
  const { signal } = controller
  const age = new Stopwatch(clock)
  return new Promise((resolve, reject) => {
    let timer: Timer
    const look = () => {
      const left = age.left(timeout)
      if (left <= 0) controller.abort(timedOut(timeout))
      else timer = clock.setTimer(Math.min(left, LOOK_AT_REQUEST), look)
    }
    look()
    const onAbort = () => {
      timer.cancel()
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    Promise.resolve()
      .then(() => {
        signal.throwIfAborted()
        return credential.getToken(scope, { abortSignal: signal })
      })
      .then(resolve, reject)
      .finally(() => timer.cancel())
  })
}

function timedOut(timeout: number): EntraError {
  return new EntraError(
    'TOKEN_REQUEST_TIMEOUT',
    `The credential did not answer within ${timeout} ms (requestTimeout). ` +
      'Check that its endpoint can be reached from here.',
  )
}
