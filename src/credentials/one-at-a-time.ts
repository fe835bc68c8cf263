import type { AccessToken } from '@azure/identity'
import { type Clock, Stopwatch, sleep } from '../time/clock.ts'
import type { NamedCredential } from './credential.ts'

/**
 * How long a person has to answer, in ms: as long as Microsoft.Data.SqlClient waits for a browser. Nothing tells us that
 * somebody closed the window without an answer. Any other request that has no answer by then hangs for good.
 */
export const PROMPT_TIMEOUT = 180_000

interface TokenRequest {
  scope: string
  age: Stopwatch
  answer: Promise<AccessToken | null>
}

/** The last request of each credential, unless its answer was taken. */
const requests = new WeakMap<NamedCredential, TokenRequest>()

/**
 * Asks a credential, but never while it works on another request: a person would be prompted twice, and some, such as
 * `ManagedIdentityCredential`, ignore the signal and continue. If the other request returns a token for this scope, that is
 * the answer.
 */
export async function oneAtATime(
  credential: NamedCredential,
  scope: string,
  clock: Clock,
  abortSignal: AbortSignal,
): Promise<AccessToken | null> {
  abortSignal.throwIfAborted()
  for (let other = requests.get(credential); other !== undefined; other = requests.get(credential)) {
    const token = other.age.left(PROMPT_TIMEOUT) > 0 ? await answerTo(other, clock, abortSignal) : undefined
    abortSignal.throwIfAborted()
    if (requests.get(credential) === other) requests.delete(credential)
    if (token != null && other.scope === scope && token.expiresOnTimestamp > clock.now()) return token
  }
  const request = { scope, age: new Stopwatch(clock), answer: credential.getToken(scope, { abortSignal }) }
  requests.set(credential, request)
  try {
    return await request.answer
  } finally {
    // An answer that comes after all is for the next request.
    if (!abortSignal.aborted && requests.get(credential) === request) requests.delete(credential)
  }
}

/** The answer to a request; undefined if it fails or hangs, and once the signal is aborted. */
async function answerTo({ answer, age }: TokenRequest, clock: Clock, abortSignal: AbortSignal) {
  const over = new AbortController()
  try {
    return await Promise.race([
      answer,
      sleep(clock, age.left(PROMPT_TIMEOUT), AbortSignal.any([abortSignal, over.signal])),
    ])
  } catch {
    return undefined
  } finally {
    over.abort()
  }
}
