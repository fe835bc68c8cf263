import { type Clock, Stopwatch } from '../time/clock.ts'
import { untilAborted } from '../time/event-loop.ts'

/** What doctor checks, in this order: ids that do not change between versions, and titles. */
export const STEPS = {
  'connection-string': 'Connection string',
  dns: 'DNS',
  tcp: 'TCP',
  tls: 'PRELOGIN and TLS',
  'entra-logins': 'Entra logins',
  'http-proxy': 'HTTP proxy',
  token: 'Token',
  login: 'Login',
  identity: 'Identity',
  'client-rights': 'Prisma Client',
  'migrate-rights': 'Prisma Migrate',
  clock: 'Clock',
  latency: 'Latency',
} as const

export type StepId = keyof typeof STEPS

/** One thing that a step found, for people and scripts. */
export type Detail = string | number | boolean | readonly string[]

/** Details by name; undefined if unknown. */
export type Details = Readonly<Record<string, Detail | undefined>>

/** What a check returns. It fails with an error here if it also has details to show, or else by throwing. Never a token. */
export interface Finding<Value> {
  /** What later steps need; undefined if the check failed. */
  value?: Value
  /** A few words. */
  summary: string
  details?: Details
  /** What works now but may fail later, each with what to do about it. */
  warnings?: readonly string[]
  /** Why it failed, and what to do about it. */
  error?: Error
}

/** `skipped`: not checked, because it needs a step that failed, or because doctor was stopped. */
export type StepStatus = 'ok' | 'warning' | 'failed' | 'skipped'

/** The result of one step. */
export interface StepResult {
  id: StepId
  status: StepStatus
  /** In ms. */
  durationMs: number
  /** A few words; if it was skipped, why. */
  summary: string
  details: Details
  warnings: readonly string[]
  error?: Error
}

/** Called when a step starts, and again with its result. */
export type OnStep = (id: StepId, result?: StepResult) => void

/** A finished step: no value if it failed or was skipped. */
export interface Checked<Value> {
  readonly id: StepId
  readonly value: Value | undefined
}

type AllChecked<Values extends readonly unknown[]> = { [Index in keyof Values]: Checked<Values[Index]> }

/** The abort reason when doctor runs out of time. */
export class OutOfTime extends Error {
  /** @param limit - in ms */
  constructor(limit: number) {
    super(`doctor ran out of time after ${limit / 1000} s. To allow more, pass --timeout.`)
  }
}

/** Runs steps one after the other. A step is skipped if a step that it needs has no value. */
export class StepRunner {
  readonly results: StepResult[] = []
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #onStep: OnStep

  /** @param signal - ends the run: the current step fails if the reason is {@link OutOfTime}; all others are skipped */
  constructor(clock: Clock, signal: AbortSignal, onStep: OnStep) {
    this.#clock = clock
    this.#signal = signal
    this.#onStep = onStep
  }

  /**
   * Runs one step.
   *
   * @param needs - earlier steps, whose values are passed to the check
   */
  async run<Needs extends readonly unknown[], Value>(
    id: StepId,
    needs: readonly [...AllChecked<Needs>],
    check: (values: Needs) => Promise<Finding<Value>> | Finding<Value>,
  ): Promise<Checked<Value>> {
    const steps = needs as readonly Checked<unknown>[]
    const missing = steps.find(({ value }) => value === undefined)
    if (this.#signal.aborted || missing !== undefined) {
      this.#skip(id, 0, missing && `needs ${STEPS[missing.id]}`)
      return { id, value: undefined }
    }
    this.#onStep(id)
    const time = new Stopwatch(this.#clock)
    const finding = await this.#untilStopped(() => check(steps.map(({ value }) => value) as unknown as Needs))
    const { value, summary, details = {}, warnings = [], error } = finding
    const found = { id, durationMs: time.elapsed, summary, details, warnings }
    if (error === undefined) this.#finish({ ...found, status: warnings.length > 0 ? 'warning' : 'ok' })
    else if (this.#signal.aborted && !(error instanceof OutOfTime)) this.#skip(id, found.durationMs)
    else this.#finish({ ...found, status: 'failed', error })
    return { id, value: error === undefined ? value : undefined }
  }

  async #untilStopped<Value>(check: () => Promise<Finding<Value>> | Finding<Value>): Promise<Finding<Value>> {
    try {
      return await untilAborted(this.#signal, async () => check())
    } catch (thrown) {
      const error = this.#signal.aborted ? this.#signal.reason : thrown
      return { summary: '', error: error instanceof Error ? error : new Error(String(error)) }
    }
  }

  #skip(id: StepId, durationMs: number, why?: string): void {
    const stopped = this.#signal.reason instanceof OutOfTime ? 'out of time' : 'stopped'
    const summary = this.#signal.aborted || why === undefined ? stopped : why
    this.#finish({ id, status: 'skipped', durationMs, summary, details: {}, warnings: [] })
  }

  #finish(result: StepResult): void {
    this.results.push(result)
    this.#onStep(result.id, result)
  }
}
