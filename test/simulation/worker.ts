import { parentPort, workerData } from 'node:worker_threads'
import { plant } from './planted-bugs.ts'
import { makeScenario } from './scenario.ts'
import { type Outcome, run } from './world.ts'

/** The task of a worker. */
export interface Task {
  firstSeed: number
  /** From one seed to the next. */
  step: number
  /** How many hours to simulate, if nothing breaks. */
  hours: number
  /** The name of a bug to plant. The run ends with the first violation. */
  bug?: string
}

/** The outcome of one scenario. */
export interface Report extends Outcome {
  seed: number
}

/** A worker's last message. */
export const DONE = 'done'

/** How many reports are sent together. */
const BATCH = 8

Error.stackTraceLimit = 0
void work(workerData as Task)

async function work({ firstSeed, step, hours, bug }: Task): Promise<void> {
  if (bug !== undefined) plant(bug)
  let simulated = 0
  let reports: Report[] = []
  for (let seed = firstSeed; simulated < hours; seed += step) {
    const outcome = await run(makeScenario(seed))
    simulated += outcome.hours
    reports.push({ ...outcome, seed })
    if (reports.length === BATCH) {
      parentPort?.postMessage(reports)
      reports = []
    }
    if (outcome.violation !== undefined && bug !== undefined) break
  }
  parentPort?.postMessage(reports)
  // A scenario that stopped early may leave waiting work, which would keep the thread alive.
  parentPort?.postMessage(DONE)
}
