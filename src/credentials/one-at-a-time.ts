import type { AccessToken } from '@azure/identity'
import { type Clock, Stopwatch } from '../time/clock.ts'
import { type AskOptions, NamedCredential } from './credential.ts'

/**
 * How long a request that was given up is waited for, in ms. One that is still without an answer then hangs for ever:
 * the credential is asked again beside it.
 */
const HANGS_AFTER = 180_000

/** A request that was given up. */
interface GivenUp {
  answer: Promise<AccessToken | null>
  age: Stopwatch
}

/**
 * Keeps a credential that heeds no signal, as `ManagedIdentityCredential` does not, from being asked again while it
 * still works on a request that was given up. The late answer is the next request's.
 */
export class SoleRequest extends NamedCredential {
  readonly #credential: NamedCredential
  readonly #clock: Clock
  #givenUp: GivenUp | undefined

  constructor(credential: NamedCredential, clock: Clock) {
    super(credential.name, credential.interactive)
    this.#credential = credential
    this.#clock = clock
  }

  async getToken(scope: string, { abortSignal }: AskOptions): Promise<AccessToken | null> {
    if (this.#givenUp !== undefined) {
      const late = await this.#late(this.#givenUp, abortSignal)
      abortSignal.throwIfAborted()
      if (late !== undefined) return late
    }
    const answer = this.#credential.getToken(scope, { abortSignal })
    const onAbort = () => {
      this.#givenUp = { answer, age: new Stopwatch(this.#clock) }
    }
    abortSignal.addEventListener('abort', onAbort, { once: true })
    try {
      return await answer
    } finally {
      abortSignal.removeEventListener('abort', onAbort)
    }
  }

  /** The token that the request that was given up comes to; undefined where it fails, as it does if it heeds its signal. */
  async #late(givenUp: GivenUp, abortSignal: AbortSignal): Promise<AccessToken | undefined> {
    const answer = givenUp.age.left(HANGS_AFTER) > 0 ? await this.#settled(givenUp, abortSignal) : undefined
    // Whoever asks next goes on waiting for it.
    if (abortSignal.aborted) return undefined
    this.#givenUp = undefined
    return answer != null && answer.expiresOnTimestamp > this.#clock.now() ? answer : undefined
  }

  /** Its answer; undefined where it fails or hangs, and once the signal is aborted. */
  #settled({ answer, age }: GivenUp, abortSignal: AbortSignal): Promise<AccessToken | null | undefined> {
    return new Promise((resolve) => {
      const end = (value?: AccessToken | null) => {
        timer.cancel()
        abortSignal.removeEventListener('abort', onAbort)
        resolve(value)
      }
      const onAbort = () => end()
      const timer = this.#clock.setTimer(age.left(HANGS_AFTER), () => end())
      abortSignal.addEventListener('abort', onAbort, { once: true })
      answer.then(end, () => end())
    })
  }
}

/**
 * How long a person has to answer, in ms: as long as Microsoft.Data.SqlClient waits for a browser. A window that was
 * closed without an answer is never told of.
 */
export const PROMPT_TIMEOUT = 180_000

const open = new WeakMap<object, Promise<void>>()

/**
 * Keeps a credential from asking a person twice at the same time: the later request waits until the earlier one has
 * been answered, and then mostly needs no answer any more.
 *
 * @param ask - called when its turn has come, which is after {@link PROMPT_TIMEOUT} at the latest
 */
export function oneAtATime<T>(credential: object, clock: Clock, ask: () => Promise<T>): Promise<T> {
  let over = () => {}
  const closed = new Promise<void>((resolve) => {
    over = resolve
  })
  const answer = (open.get(credential) ?? Promise.resolve()).then(() => {
    const timer = clock.setTimer(PROMPT_TIMEOUT, over)
    return ask().finally(() => timer.cancel())
  })
  answer.then(over, over)
  open.set(credential, closed)
  return answer
}
