import { setTimeout as sleep } from 'node:timers/promises'
import type { AzureProcess } from './azure.ts'
import type { EventLog } from './event-log.ts'
import type { FaultKind } from './fault-kinds.ts'
import type { FaultLog } from './fault-log.ts'
import type { FaultStep, PlannedFault } from './fault-plan.ts'
import type { Report } from './report.ts'

/** What a {@link Saboteur} works with. */
export interface SabotageParts {
  azure: Pick<AzureProcess, 'order'>
  log: FaultLog
  events: EventLog
}

/** Has faults happen as a plan says, one step after the other. */
export class Saboteur {
  readonly #parts: SabotageParts
  readonly #befell = new Map<FaultKind, { faults: number; hits: number }>()

  constructor(parts: SabotageParts) {
    this.#parts = parts
  }

  /** How many faults of each kind there were, and how often they befell something. */
  table(): Report['faults'] {
    return [...this.#befell].map(([kind, counts]) => ({ kind, ...counts })).sort((a, b) => (a.kind < b.kind ? -1 : 1))
  }

  /** Ends, and takes away what is on, when the signal is aborted. */
  async work(plan: Iterable<FaultStep>, until: AbortSignal): Promise<void> {
    for (const { calm, faults } of plan) {
      await pause(calm, until)
      if (until.aborted) return
      await Promise.all(faults.map((fault) => this.#happen(fault, until)))
    }
  }

  async #happen({ kind, disturbance, lasts }: PlannedFault, until: AbortSignal): Promise<void> {
    const { azure, log, events } = this.#parts
    const span = log.begin(kind, Date.now())
    events.add(Date.now(), `fault begins: ${kind}`)
    const handle = await azure.order('begin', disturbance)
    if (!('sessions' in disturbance)) await pause(lasts, until)
    const hits = await azure.order('end', handle)
    span.until = Date.now()
    events.add(span.until, `fault ends: ${kind}, ${hits} hits`)
    const counts = this.#befell.get(kind) ?? { faults: 0, hits: 0 }
    this.#befell.set(kind, { faults: counts.faults + 1, hits: counts.hits + hits })
  }
}

async function pause(ms: number, until: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: until }).catch(() => {})
}
