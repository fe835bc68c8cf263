import type { Redact } from './redact.ts'

/** The result of one step. */
export interface StepResult {
  title: string
  outcome: 'pass' | 'fail' | 'skip'
  /** In ms; 0 if it was skipped. */
  durationMs: number
  /** What it found, or why it was skipped or failed. */
  note: string
  /** Our code, Prisma's, Node's or the server's number, if it failed. */
  code?: string
}

/** Thrown by a step that cannot run here. */
export class Skip extends Error {}

const INTERRUPTED = 'interrupted'
const STEP_TIMEOUT = 180_000

/** Runs one step after the other, and continues if one fails. */
export class StepRunner {
  readonly results: StepResult[] = []
  readonly #print: (line: string) => void
  readonly #redact: Redact
  readonly #stop: AbortSignal

  /** @param stop - ends the current step, and skips the others */
  constructor(print: (line: string) => void, redact: Redact, stop: AbortSignal) {
    this.#print = print
    this.#redact = redact
    this.#stop = stop
  }

  /**
   * Runs a step.
   *
   * @param work - returns a note, and perhaps a value for later steps; throws {@link Skip} or any error
   * @param timeout - in ms
   * @returns the value; undefined if it failed or was skipped
   */
  async run<Value = undefined>(
    title: string,
    work: (signal: AbortSignal) => Promise<string | { note: string; value: Value }>,
    timeout = STEP_TIMEOUT,
  ): Promise<Value | undefined> {
    if (this.#stop.aborted) return this.skip(title, INTERRUPTED)
    this.#print(`… ${title}`)
    const startedAt = performance.now()
    const end = AbortSignal.any([this.#stop, AbortSignal.timeout(timeout)])
    const ended = new Promise<never>((_, reject) => {
      const late = new Error(`It had not ended after ${timeout / 1000} s.`)
      end.addEventListener('abort', () => reject(this.#stop.aborted ? new Skip(INTERRUPTED) : late), { once: true })
    })
    try {
      const found = await Promise.race([work(end), ended])
      const { note, value } = typeof found === 'string' ? { note: found, value: undefined } : found
      this.#add({ title, outcome: 'pass', durationMs: performance.now() - startedAt, note })
      return value
    } catch (error) {
      if (error instanceof Skip) return this.skip(title, error.message)
      const durationMs = performance.now() - startedAt
      this.#add({ title, outcome: 'fail', durationMs, note: firstLine(error), ...codeOf(error) })
      return undefined
    }
  }

  skip(title: string, reason: string): undefined {
    this.#add({ title, outcome: 'skip', durationMs: 0, note: reason })
  }

  #add(result: StepResult): void {
    const { title, outcome, durationMs, code } = result
    const note = this.#redact(result.note)
    this.results.push({ ...result, note })
    const symbol = { pass: '✓', fail: '✗', skip: '–' }[outcome]
    const time = outcome === 'skip' ? '' : ` (${(durationMs / 1000).toFixed(1)} s)`
    this.#print(`${symbol} ${title}${time}${note === '' ? '' : `: ${code === undefined ? '' : `${code}: `}${note}`}`)
  }
}

/** The first line of an error's message that says something; Prisma Client's start with empty ones. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const lines = message.split('\n').map((line) => line.trim())
  return lines.find((line) => line !== '' && !line.startsWith('Invalid ')) ?? 'It failed without a message.'
}

/** The code of an error, or what Prisma Client keeps of the adapter's. */
function codeOf(error: unknown): { code?: string } {
  const { code, number, meta } = (error ?? {}) as { code?: unknown; number?: unknown; meta?: { code?: unknown } }
  const known = [code, meta?.code, number].filter((each) => typeof each === 'string' || typeof each === 'number')
  return known.length === 0 ? {} : { code: known.join(' ') }
}
