import { setTimeout as sleep } from 'node:timers/promises'
import type { Screen } from '../demo/screen.ts'
import type { Client } from './client.ts'
import type { Crew } from './crew.ts'
import { pictureOf } from './display.ts'
import type { Failures } from './failures.ts'
import type { FaultLog } from './fault-log.ts'
import { socketCount } from './resources.ts'
import type { Usage } from './usage.ts'

/** What the progress is read from. */
export interface ProgressParts {
  client: Client
  crew: Crew
  faults: FaultLog
  failures: Failures
  usage: Usage
}

/** How often the display is drawn, in ms. */
const FRAME_EVERY = 250

/**
 * Shows how far the run is, until the signal is aborted.
 *
 * @param length - of the run, in ms
 */
export async function showProgress(screen: Screen, length: number, parts: ProgressParts, until: AbortSignal) {
  const { client, crew, faults, failures, usage } = parts
  const startedAt = performance.now()
  while (!until.aborted) {
    const { generation, draining, rotations } = client.adapter.stats()
    const moment = {
      elapsed: (performance.now() - startedAt) / 1000,
      length: length / 1000,
      faults: faults.active.map(({ kind }) => kind),
      generation: generation?.id ?? 0,
      draining: draining.length,
      tokenSecondsLeft: generation?.tokenSecondsLeft ?? 0,
      rotations,
      done: crew.done,
      running: crew.running,
      explained: failures.explainedCount,
      unexplained: failures.unexplainedCount,
      heap: usage.heap,
      sockets: socketCount(),
      connections: client.connections.open,
    }
    screen.show(pictureOf(moment), Date.now())
    await sleep(FRAME_EVERY)
  }
}
