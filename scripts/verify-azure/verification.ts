import type { Redact } from './redact.ts'

export type Outcome = 'pass' | 'fail' | 'skip'

/** What became of one step. */
export interface StepResult {
  title: string
  outcome: Outcome
  /** In ms; 0 where it was skipped. */
  durationMs: number
  /** What there is to say of it, or why it was skipped or failed. */
  note: string
  /** Ours, Prisma's, Node's or the server's number, where it failed. */
  code?: string
}

/** Thrown by a step that finds that it cannot be made here. */
export class Skip extends Error {}

/** What a step found out: a note for the report, and a value for the steps after it. */
export interface Finding<Value> {
  note: string
  value: Value
}

/** How long a step may take unless it says otherwise, in ms. */
const PATIENCE = 180_000

/** Makes one step after the other, tells of each, and goes on where one fails. */
export class Verification {
  readonly results: StepResult[] = []
  readonly #tell: (line: string) => void
  readonly #redact: Redact
  readonly #stop: AbortSignal

  /**
   * @param tell - writes a line of progress
   * @param stop - skips what has not begun, and ends the step that is under way
   */
  constructor(tell: (line: string) => void, redact: Redact, stop: AbortSignal) {
    this.#tell = tell
    this.#redact = redact
    this.#stop = stop
  }

  /**
   * Makes a step.
   *
   * @param work - gives a note, or a finding; throws {@link Skip} or any error
   * @param timeout - in ms
   * @returns the finding's value; undefined where there is none
   */
  async step<Value = undefined>(
    title: string,
    work: (signal: AbortSignal) => Promise<string | Finding<Value>>,
    timeout = PATIENCE,
  ): Promise<Value | undefined> {
    if (this.#stop.aborted) return this.skip(title, 'interrupted')
    this.#tell(`… ${title}`)
    const startedAt = performance.now()
    const limit = AbortSignal.timeout(timeout)
    const end = AbortSignal.any([this.#stop, limit])
    try {
      const found = await Promise.race([work(end), rejectedBy(end, timeout)])
      const finding = typeof found === 'string' ? { note: found, value: undefined } : found
      this.#add({ title, outcome: 'pass', durationMs: performance.now() - startedAt, note: finding.note })
      return finding.value
    } catch (error) {
      if (error instanceof Skip) return this.skip(title, error.message)
      const durationMs = performance.now() - startedAt
      this.#add({ title, outcome: 'fail', durationMs, note: firstLine(error), ...codeOf(error) })
      return undefined
    }
  }

  /** Notes that a step is not made, and why. */
  skip(title: string, reason: string): undefined {
    this.#add({ title, outcome: 'skip', durationMs: 0, note: reason })
  }

  get failed(): boolean {
    return this.results.some(({ outcome }) => outcome === 'fail')
  }

  #add(result: StepResult): void {
    const safe = { ...result, note: this.#redact(result.note) }
    this.results.push(safe)
    const symbol = { pass: '✓', fail: '✗', skip: '–' }[safe.outcome]
    const time = safe.outcome === 'skip' ? '' : ` (${(safe.durationMs / 1000).toFixed(1)} s)`
    const code = safe.code === undefined ? '' : `${safe.code}: `
    this.#tell(`${symbol} ${safe.title}${time}${safe.note === '' ? '' : `: ${code}${safe.note}`}`)
  }
}

function rejectedBy(signal: AbortSignal, timeout: number): Promise<never> {
  return new Promise((_, reject) => {
    const end = () =>
      reject(
        signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError'
          ? new Error(`It had not ended after ${timeout / 1000} s.`)
          : new Skip('interrupted'),
      )
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}

/** The first line of an error's message that says something; Prisma Client begins with empty ones. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const lines = message.split('\n').map((line) => line.trim())
  return lines.find((line) => line !== '' && !line.startsWith('Invalid ')) ?? 'It failed without a word.'
}

/** The code of an error, or of what Prisma Client keeps of the adapter's. */
function codeOf(error: unknown): { code: string } | Record<string, never> {
  const { code, number, meta } = (error ?? {}) as { code?: unknown; number?: unknown; meta?: { code?: unknown } }
  const known = [code, meta?.code, number].filter((each) => typeof each === 'string' || typeof each === 'number')
  return known.length === 0 ? {} : { code: known.join(' ') }
}
