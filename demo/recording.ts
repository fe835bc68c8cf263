import type { AdapterEvent } from '../src/index.ts'

/** One query or transaction of the workload. */
export interface Sample {
  /** When it began, in ms since the epoch. */
  at: number
  /** How long it took, in ms. */
  latency: number
  failed: boolean
}

/** A connection, from its login to its end. Times in ms since the epoch. */
export interface ConnectionSpan {
  connection: number
  /** The lowest lane that no other connection was in when this one opened: lanes are reused. */
  lane: number
  /** The token that it was opened with: its place in `tokens`. */
  token: number
  openedAt: number
  closedAt: number | undefined
}

/** A rotation, from its start until every replacement was open. Times in ms since the epoch. */
export interface Handover {
  startedAt: number
  finishedAt: number
}

/** Everything that happened in a run. */
export class Recording {
  readonly startedAt: number
  readonly samples: Sample[] = []
  readonly connections: ConnectionSpan[] = []
  /** When each token expires, in ms since the epoch, in the order in which connections were opened with them. */
  readonly tokens: number[] = []
  readonly handovers: Handover[] = []
  /** The messages of failures, with a count each. */
  readonly failures = new Map<string, number>()
  /** What gave the last token. */
  credential: string | undefined
  #rotationStartedAt = 0

  constructor(startedAt: number) {
    this.startedAt = startedAt
  }

  /** Runs one piece of work, and records how it went. */
  async measure(work: () => Promise<unknown>): Promise<void> {
    const at = Date.now()
    const begun = performance.now()
    let failed = false
    try {
      await work()
    } catch (error) {
      failed = true
      const message = reasonOf(error)
      this.failures.set(message, (this.failures.get(message) ?? 0) + 1)
    }
    this.samples.push({ at, latency: performance.now() - begun, failed })
  }

  onEvent(event: AdapterEvent): void {
    switch (event.type) {
      case 'token.acquired':
        this.credential = event.credential
        break
      case 'connection.opened':
        this.#opened(event.connection, event.at, event.expiresOn)
        break
      case 'connection.closed': {
        const span = this.connections.find(({ connection }) => connection === event.connection)
        if (span !== undefined) span.closedAt = event.at
        break
      }
      case 'rotation.started':
        this.#rotationStartedAt = event.at
        break
      case 'rotation.finished':
        this.handovers.push({ startedAt: this.#rotationStartedAt, finishedAt: event.at })
        break
    }
  }

  #opened(connection: number, openedAt: number, expiresOn: number): void {
    const taken = new Set(this.connections.filter(({ closedAt }) => closedAt === undefined).map(({ lane }) => lane))
    let lane = 0
    while (taken.has(lane)) lane++
    if (!this.tokens.includes(expiresOn)) this.tokens.push(expiresOn)
    this.connections.push({ connection, lane, token: this.tokens.indexOf(expiresOn), openedAt, closedAt: undefined })
  }

  /** Lanes that were ever in use. */
  get laneCount(): number {
    return this.connections.reduce((count, { lane }) => Math.max(count, lane + 1), 0)
  }

  get failureCount(): number {
    return this.samples.reduce((count, { failed }) => count + Number(failed), 0)
  }

  /** What began in the last `span` ms before `now`. */
  recent(now: number, span: number): Sample[] {
    return this.samples.filter(({ at }) => at >= now - span)
  }
}

/** The line that says why: Prisma's messages begin with the code around the call, the adapter's end with a link. */
export function reasonOf(error: unknown): string {
  const lines = String((error as Error).message)
    .trim()
    .split('\n')
  return lines.findLast((line) => !line.startsWith('See ')) ?? 'unknown'
}

/** The latency that this share of the samples does not exceed, in ms; 0 without samples. */
export function percentile(samples: readonly Sample[], share: number): number {
  const sorted = samples.map(({ latency }) => latency).sort((a, b) => a - b)
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0
}
