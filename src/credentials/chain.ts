import type { AccessToken } from '@azure/identity'
import { EntraError } from '../errors/entra-error.ts'
import type { Clock, Timer } from '../time/clock.ts'
import type { AskOptions, NamedCredential } from './credential.ts'
import { type CredentialFailure, credentialsFailed, linesOf } from './failures.ts'
import { oneAtATime } from './one-at-a-time.ts'

/**
 * Asks credentials in order of preference. If one cannot get a token or is late, the chain also asks the next one, and
 * takes the first answer. From then on, it asks the credential that gave it first.
 */
export class CredentialChain<Accepted> {
  readonly #credentials: readonly NamedCredential[]
  readonly #clock: Clock
  readonly #accept: (answer: AccessToken | null) => Accepted
  #serving: NamedCredential | undefined
  /** The credentials that failed in the last request. */
  failures: readonly CredentialFailure[] = []
  /** Those that were asked and have not answered. */
  #waiting = new Map<NamedCredential, AbortController>()

  /**
   * @param credentials - at least one
   * @param accept - what to make of an answer. If it throws, the next credential is asked
   */
  constructor(credentials: readonly NamedCredential[], clock: Clock, accept: (answer: AccessToken | null) => Accepted) {
    this.#credentials = credentials
    this.#clock = clock
    this.#accept = accept
  }

  /** The name of the credential that gave the last token. */
  get serving(): string | undefined {
    return this.#serving?.name
  }

  /** How the request under way stands: whose answer it waits for, and why others could not get a token. */
  progress(): string {
    const names = [...this.#waiting.keys()].map(({ name }) => name)
    const state = names.length === 0 ? 'No credential has been asked yet.' : `No answer yet from ${names.join(', ')}.`
    return [state, ...linesOf(this.failures)].join('\n')
  }

  /**
   * Asks for a token. A credential that was asked and is not needed any more has its signal aborted.
   *
   * @throws EntraError `CREDENTIALS_FAILED`, or what the only credential failed with; the signal's reason
   */
  async getToken(scope: string, { abortSignal }: AskOptions): Promise<Accepted> {
    abortSignal.throwIfAborted()
    const clock = this.#clock
    const order = askingOrder(this.#credentials, this.#serving)
    const failures: CredentialFailure[] = []
    const waiting = new Map<NamedCredential, AbortController>()
    this.failures = failures
    this.#waiting = waiting
    let asked = 0
    let timer: Timer | undefined
    return new Promise((resolve, reject) => {
      const end = (reason?: unknown) => {
        timer?.cancel()
        abortSignal.removeEventListener('abort', onAbort)
        for (const controller of waiting.values()) controller.abort(reason)
        waiting.clear()
      }
      const onAbort = () => {
        end(abortSignal.reason)
        reject(abortSignal.reason)
      }
      const askNext = () => {
        timer?.cancel()
        const [credential, next] = order.slice(asked)
        if (credential !== undefined) ask(credential, next)
        else if (waiting.size === 0) {
          end()
          reject(credentialsFailed(failures, clock.now()))
        }
      }
      const ask = (credential: NamedCredential, next: NamedCredential | undefined) => {
        const turn = ++asked
        if (next !== undefined) timer = clock.setTimer(turnOf(credential, next, order.length), askNext)
        const controller = new AbortController()
        waiting.set(credential, controller)
        this.#ask(credential, scope, controller.signal).then(
          (answer) => {
            if (!waiting.delete(credential)) return
            this.#serving = credential
            for (const { name } of waiting.keys()) failures.push({ credential: name, error: tooLate() })
            end()
            resolve(answer)
          },
          (error) => {
            if (!waiting.delete(credential)) return
            failures.push({ credential: credential.name, error })
            // One that was late has had its turn already: another one is being waited for.
            if (turn === asked || waiting.size === 0) askNext()
          },
        )
      }
      abortSignal.addEventListener('abort', onAbort)
      askNext()
    })
  }

  async #ask(credential: NamedCredential, scope: string, abortSignal: AbortSignal): Promise<Accepted> {
    return this.#accept(await oneAtATime(credential, scope, this.#clock, abortSignal))
  }
}

function tooLate(): EntraError {
  return new EntraError('TOKEN_REQUEST_TIMEOUT', 'Another credential answered first.')
}

type Asked = Pick<NamedCredential, 'interactive'>

/** How long to wait for a credential before the next one is asked too, in ms. */
const TURN = 5_000

/** All are asked within this time, in ms. It is less than work waits for a token by default. */
const ALL_ASKED_WITHIN = 10_000

/** How long to wait for the others before a person is prompted, in ms. */
const TURN_BEFORE_PROMPT = 30_000

/** How long to wait for a person before the next credential is asked, in ms. */
const TURN_OF_PROMPT = 120_000

/** The order to ask in: the one that gave the last token, then the others as they are listed. */
export function askingOrder<Each>(listed: readonly Each[], serving: Each | undefined): readonly Each[] {
  return serving === undefined ? listed : [serving, ...listed.filter((each) => each !== serving)]
}

/**
 * How long to wait for a credential that does not answer before the next one is asked too, in ms. The late one can still
 * win: the first answer counts.
 *
 * @param count - how many there are to ask
 */
export function turnOf(current: Asked, next: Asked, count: number): number {
  if (current.interactive) return TURN_OF_PROMPT
  return next.interactive ? TURN_BEFORE_PROMPT : Math.min(TURN, ALL_ASKED_WITHIN / (count - 1))
}
