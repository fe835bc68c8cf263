import type { AccessToken } from '@azure/identity'
import { type Clock, Stopwatch } from '../time/clock.ts'
import { type AskOptions, NamedCredential } from './credential.ts'

/**
 * How long to wait for an abandoned request, in ms. If it still has no answer then, it hangs for good, and the credential
 * is asked again.
 */
const HANGS_AFTER = 180_000

/** A request that was aborted, and went on nevertheless. */
interface Abandoned {
  answer: Promise<AccessToken | null>
  age: Stopwatch
}

/**
 * Never asks a credential again while it still works on an abandoned request: some, such as
 * `ManagedIdentityCredential`, ignore the signal. The next request gets the late answer.
 */
export class SoleRequest extends NamedCredential {
  readonly #credential: NamedCredential
  readonly #clock: Clock
  #abandoned: Abandoned | undefined

  constructor(credential: NamedCredential, clock: Clock) {
    super(credential.name, credential.interactive)
    this.#credential = credential
    this.#clock = clock
  }

  async getToken(scope: string, { abortSignal }: AskOptions): Promise<AccessToken | null> {
    if (this.#abandoned !== undefined) {
      const late = await this.#late(this.#abandoned, abortSignal)
      abortSignal.throwIfAborted()
      if (late !== undefined) return late
    }
    const answer = this.#credential.getToken(scope, { abortSignal })
    const onAbort = () => {
      this.#abandoned = { answer, age: new Stopwatch(this.#clock) }
    }
    abortSignal.addEventListener('abort', onAbort, { once: true })
    try {
      return await answer
    } finally {
      abortSignal.removeEventListener('abort', onAbort)
    }
  }

  /** The token of the abandoned request; undefined if that fails, as it does if it heeds its signal. */
  async #late(abandoned: Abandoned, abortSignal: AbortSignal): Promise<AccessToken | undefined> {
    const answer = abandoned.age.left(HANGS_AFTER) > 0 ? await this.#answerOf(abandoned, abortSignal) : undefined
    // The next request goes on waiting for it.
    if (abortSignal.aborted) return undefined
    this.#abandoned = undefined
    return answer != null && answer.expiresOnTimestamp > this.#clock.now() ? answer : undefined
  }

  /** Its answer; undefined if it fails or hangs, and once the signal is aborted. */
  #answerOf({ answer, age }: Abandoned, abortSignal: AbortSignal): Promise<AccessToken | null | undefined> {
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
 * How long a person has to answer, in ms: as long as Microsoft.Data.SqlClient waits for a browser. Nothing tells us that
 * somebody closed the window without an answer.
 */
export const PROMPT_TIMEOUT = 180_000

const open = new WeakMap<object, Promise<void>>()

/**
 * Keeps a credential from prompting a person twice at the same time. The later request waits until the earlier one is
 * answered, and by then rarely needs a prompt.
 *
 * @param ask - called in its turn, after {@link PROMPT_TIMEOUT} at the latest
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
