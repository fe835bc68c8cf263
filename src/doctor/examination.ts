import type { Clock } from '../time/clock.ts'
import { Stopwatch } from '../time/clock.ts'
import { type Outcome, STEPS, type StepId, type StepResult } from './step.ts'

/** Told of each step as it begins and ends. */
export interface StepReport {
  started(id: StepId): void
  finished(result: StepResult): void
}

/** What a step found for those that need it: no value where it failed or was skipped. */
export interface Found<Value> {
  readonly id: StepId
  readonly value: Value | undefined
}

type AllFound<Needs extends readonly unknown[]> = { [Index in keyof Needs]: Found<Needs[Index]> }

/** The reason of a signal that ends an examination whose time is over. */
export class TimeIsUp extends Error {
  /** @param limit - in ms */
  constructor(limit: number) {
    super(`All of it may take ${limit / 1000} s, and that time is over. Give it longer: --timeout.`)
  }
}

/** Goes through steps, one after the other. A step that needs what another one did not find is skipped. */
export class Examination {
  readonly results: StepResult[] = []
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #report: StepReport

  /** @param signal - ends it: the step under way fails where its reason is {@link TimeIsUp}; all others are skipped */
  constructor(clock: Clock, signal: AbortSignal, report: StepReport) {
    this.#clock = clock
    this.#signal = signal
    this.#report = report
  }

  /**
   * Looks at one step.
   *
   * @param needs - what the check is given
   * @param check - what it throws is why the step failed
   */
  async step<Needs extends readonly unknown[], Value>(
    id: StepId,
    needs: readonly [...AllFound<Needs>],
    check: (values: Needs) => Promise<Outcome<Value>> | Outcome<Value>,
  ): Promise<Found<Value>> {
    const missing = (needs as readonly Found<unknown>[]).find(({ value }) => value === undefined)
    if (this.#signal.aborted || missing !== undefined) {
      const why = this.#signal.aborted ? this.#whyStopped() : `needs ${STEPS[missing?.id ?? id]}`
      this.#finish({ id, status: 'skipped', durationMs: 0, summary: why, details: {}, warnings: [] })
      return { id, value: undefined }
    }
    const values = (needs as readonly Found<unknown>[]).map(({ value }) => value) as unknown as Needs
    this.#report.started(id)
    const time = new Stopwatch(this.#clock)
    const outcome = await this.#settle(() => check(values))
    this.#finish(this.#resultOf(id, time.elapsed, outcome))
    return { id, value: outcome.error === undefined ? outcome.value : undefined }
  }

  /** What a check ends with, or the end of the examination, whichever comes first. */
  async #settle<Value>(check: () => Promise<Outcome<Value>> | Outcome<Value>): Promise<Outcome<Value>> {
    const signal = this.#signal
    let onAbort = () => {}
    const stopped = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([Promise.resolve().then(check), stopped])
    } catch (thrown) {
      const error = signal.aborted ? signal.reason : thrown
      return { summary: '', error: error instanceof Error ? error : new Error(String(error)) }
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #resultOf(id: StepId, durationMs: number, outcome: Outcome<unknown>): StepResult {
    const { summary, details = {}, warnings = [], error } = outcome
    const result = { id, durationMs, summary, details, warnings }
    if (error === undefined) return { ...result, status: warnings.length > 0 ? 'warning' : 'ok' }
    if (this.#signal.aborted && !(error instanceof TimeIsUp)) {
      return { ...result, status: 'skipped', summary: this.#whyStopped() }
    }
    return { ...result, status: 'failed', error }
  }

  #whyStopped(): string {
    return this.#signal.reason instanceof TimeIsUp ? 'the time is over' : 'stopped'
  }

  #finish(result: StepResult): void {
    this.results.push(result)
    this.#report.finished(result)
  }
}
