import type { AccessToken } from '@azure/identity'
import { EntraError } from '../errors/entra-error.ts'
import type { Clock, Timer } from '../time/clock.ts'
import type { AskOptions, NamedCredential } from './credential.ts'
import { type CredentialFailure, credentialsFailed, linesOf } from './failures.ts'
import { oneAtATime, SoleRequest } from './one-at-a-time.ts'

export interface ChainOptions {
  clock: Clock
  /** Throws if an answer is not a usable token. The chain then asks the next credential. */
  accept: (answer: AccessToken | null) => void
}

/**
 * Asks credentials in order of preference. If one cannot get a token or is late, the chain also asks the next one, and
 * takes the first answer. From then on, it asks the credential that gave it first.
 */
export class CredentialChain {
  readonly #credentials: readonly NamedCredential[]
  readonly #options: ChainOptions
  #serving: number | undefined
  #round: Round | undefined

  /** @param credentials - at least one */
  constructor(credentials: readonly NamedCredential[], options: ChainOptions) {
    // For those that prompt a person, `oneAtATime` does the same across all chains that share the credential.
    this.#credentials = credentials.map((each) => (each.interactive ? each : new SoleRequest(each, options.clock)))
    this.#options = options
  }

  /** The name of the credential that gave the last token. */
  get serving(): string | undefined {
    return this.#serving === undefined ? undefined : this.#credentials[this.#serving]?.name
  }

  /** The credentials that failed in the last request. */
  get failures(): readonly CredentialFailure[] {
    return this.#round?.failures ?? []
  }

  /** How the request under way stands: whose answer it waits for, and why others could not get a token. */
  progress(): string {
    const waiting = this.#round?.waiting ?? []
    const state =
      waiting.length === 0 ? 'No credential has been asked yet.' : `No answer yet from ${waiting.join(', ')}.`
    return [state, ...linesOf(this.failures)].join('\n')
  }

  /**
   * Asks for a token. A credential that was asked and is not needed any more has its signal aborted.
   *
   * @throws EntraError `CREDENTIALS_FAILED`, or what the only credential failed with; the signal's reason
   */
  async getToken(scope: string, { abortSignal }: AskOptions): Promise<AccessToken | null> {
    abortSignal.throwIfAborted()
    const order = askingOrder(this.#credentials.length, this.#serving)
    const round = new Round(
      order.flatMap((index) => this.#credentials[index] ?? []),
      scope,
      this.#options,
    )
    this.#round = round
    const onAbort = () => round.stop(abortSignal.reason)
    abortSignal.addEventListener('abort', onAbort, { once: true })
    try {
      const { answer, by } = await round.run()
      this.#serving = order[by]
      return answer
    } finally {
      abortSignal.removeEventListener('abort', onAbort)
    }
  }
}

interface Outcome {
  answer: AccessToken | null
  /** The index of the credential that gave it. */
  by: number
}

/** One request for a token, put to one credential after the other. */
class Round {
  readonly failures: CredentialFailure[] = []
  readonly #credentials: readonly NamedCredential[]
  readonly #scope: string
  readonly #options: ChainOptions
  readonly #running = new Map<number, AbortController>()
  #asked = 0
  #timer: Timer | undefined
  #over = false
  #resolve: (outcome: Outcome) => void = () => {}
  #reject: (reason: unknown) => void = () => {}

  constructor(credentials: readonly NamedCredential[], scope: string, options: ChainOptions) {
    this.#credentials = credentials
    this.#scope = scope
    this.#options = options
  }

  /** The names of those that have been asked and have not answered. */
  get waiting(): string[] {
    return [...this.#running.keys()].flatMap((index) => this.#credentials[index]?.name ?? [])
  }

  run(): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#askNext()
    })
  }

  stop(reason: unknown): void {
    this.#end(reason)
    this.#reject(reason)
  }

  #askNext(): void {
    this.#timer?.cancel()
    const index = this.#asked
    const credential = this.#credentials[index]
    if (credential === undefined) {
      if (this.#running.size === 0) this.stop(credentialsFailed(this.failures, this.#options.clock.now()))
      return
    }
    this.#asked++
    const next = this.#credentials[this.#asked]
    if (next !== undefined) {
      const turn = turnOf(credential, next, this.#credentials.length)
      this.#timer = this.#options.clock.setTimer(turn, () => this.#askNext())
    }
    const controller = new AbortController()
    this.#running.set(index, controller)
    this.#ask(credential, controller.signal).then(
      (answer) => this.#succeed(index, answer),
      (error) => this.#fail(index, credential.name, error),
    )
  }

  async #ask(credential: NamedCredential, abortSignal: AbortSignal): Promise<AccessToken | null> {
    const ask = async () => {
      abortSignal.throwIfAborted()
      return credential.getToken(this.#scope, { abortSignal })
    }
    const answer = await (credential.interactive ? oneAtATime(credential, this.#options.clock, ask) : ask())
    this.#options.accept(answer)
    return answer
  }

  #succeed(by: number, answer: AccessToken | null): void {
    if (this.#over) return
    this.#running.delete(by)
    for (const credential of this.waiting) this.failures.push({ credential, error: tooLate() })
    this.#end()
    this.#resolve({ answer, by })
  }

  #fail(index: number, credential: string, error: unknown): void {
    if (this.#over) return
    this.#running.delete(index)
    this.failures.push({ credential, error })
    // One that was late has had its turn already: another one is being waited for.
    if (index === this.#asked - 1 || this.#running.size === 0) this.#askNext()
  }

  #end(reason?: unknown): void {
    this.#over = true
    this.#timer?.cancel()
    for (const controller of this.#running.values()) controller.abort(reason)
    this.#running.clear()
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

/**
 * The order to ask in: the one that gave the last token, then the others as they are listed.
 *
 * @param serving - the index of the one that gave the last token
 */
export function askingOrder(count: number, serving: number | undefined): number[] {
  const listed = Array.from({ length: count }, (_, index) => index)
  return serving === undefined ? listed : [serving, ...listed.filter((index) => index !== serving)]
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
