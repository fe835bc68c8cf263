import type { AdapterEvent } from '../src/index.ts'

/** One query or transaction of the workload. */
export interface Sample {
  /** When it began, in ms since the epoch. */
  at: number
  /** How long it took, in ms. */
  latency: number
  failed: boolean
}

/** A generation, from its opening to its closing. All times in ms since the epoch. */
export interface GenerationSpan {
  id: number
  openedAt: number
  /** When the next one took over. */
  retiredAt: number | undefined
  closedAt: number | undefined
  tokenExpiresOn: number
}

/** All that happened in a run. */
export class Recording {
  readonly startedAt: number
  readonly samples: Sample[] = []
  readonly generations: GenerationSpan[] = []
  /** The messages of what failed, with how often. */
  readonly failures = new Map<string, number>()
  /** The credentials that gave the tokens, in the order in which each first did. */
  readonly credentials = new Set<string>()
  /** The one that gave the last token. */
  credential: string | undefined

  constructor(startedAt: number) {
    this.startedAt = startedAt
  }

  /** Runs one piece of work, and notes how it went. */
  async measure(now: () => number, work: () => Promise<unknown>): Promise<void> {
    const at = now()
    const begun = performance.now()
    let failed = false
    try {
      await work()
    } catch (error) {
      failed = true
      const message = (error as Error).message.trim().split('\n').at(-1) ?? 'unknown'
      this.failures.set(message, (this.failures.get(message) ?? 0) + 1)
    }
    this.samples.push({ at, latency: performance.now() - begun, failed })
  }

  onEvent(event: AdapterEvent): void {
    if (event.type === 'generation.opened') {
      const span = { id: event.generation, openedAt: event.at, tokenExpiresOn: event.expiresOn }
      this.generations.push({ ...span, retiredAt: undefined, closedAt: undefined })
    } else if (event.type === 'rotation.finished') {
      const span = this.generations.find(({ id }) => id === event.from)
      if (span !== undefined) span.retiredAt = event.at
    } else if (event.type === 'generation.closed') {
      const span = this.generations.find(({ id }) => id === event.generation)
      if (span !== undefined) span.closedAt = event.at
    } else if (event.type === 'token.acquired') {
      this.credential = event.credential
      this.credentials.add(event.credential)
    }
  }

  get failureCount(): number {
    return this.samples.reduce((count, { failed }) => count + Number(failed), 0)
  }

  /** What began in the last `span` ms before `now`. */
  recent(now: number, span: number): Sample[] {
    let first = this.samples.length
    while (first > 0 && (this.samples[first - 1]?.at ?? 0) >= now - span) first--
    return this.samples.slice(first)
  }
}

/** The latency that this share of the samples does not exceed, in ms; 0 without samples. */
export function percentile(samples: readonly Sample[], share: number): number {
  const sorted = samples.map(({ latency }) => latency).sort((a, b) => a - b)
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0
}
