import { describe, expect, it } from 'vitest'
import { hour } from './clock.ts'
import { describeScenario, shrink } from './report.ts'
import { makeScenario, type Scenario } from './scenario.ts'
import type { Report } from './worker.ts'
import { bundleSimulation, runInThread } from './workers.ts'
import { run } from './world.ts'

/** Virtual hours: in `npm run test:slow`, or in `npm test`. */
const HOURS = process.env.ALL_RUNS ? 4_000 : 1_500

/** One client with one connection and no other events. */
function quiet(hours: number, min: number): Scenario {
  const scenario = makeScenario(1)
  const setting = { ...scenario.setting, clients: 1, databases: 1, min, lifetime: hour, maxAge: undefined, latency: 1 }
  return { ...scenario, hours, setting, events: [{ at: 0, type: 'connect', client: 0 }] }
}

describe('the simulation', () => {
  it('finds no violation in a fixed set of scenarios', async () => {
    let rotations = 0
    let broken: Report | undefined
    await runInThread(await bundleSimulation(), { firstSeed: 1, step: 1, hours: HOURS }, (report) => {
      rotations += report.rotations
      if (report.violation !== undefined) broken ??= report
    })
    if (broken?.violation !== undefined) {
      const scenario = await shrink(makeScenario(broken.seed), broken.violation)
      expect.unreachable(describeScenario(scenario, broken.violation))
    }
    expect(rotations).toBeGreaterThan(0.75 * HOURS)
  })

  it('is deterministic', async () => {
    const tell = async () => {
      const lines: string[] = []
      const outcome = await run(makeScenario(4711), (line) => lines.push(line))
      return { outcome, lines }
    }
    const first = await tell()
    expect(first.lines.length).toBeGreaterThan(200)
    expect(await tell()).toEqual(first)
  })

  it('takes few steps in quiet hours, and rotates in them', async () => {
    const { violation, rotations, steps } = await run(quiet(1_000, 1))
    expect(violation).toBeUndefined()
    expect(rotations).toBeGreaterThan(1_000)
    expect(steps / 1_000).toBeLessThan(60)
  })

  it('makes no login and no token request without work and open connections', async () => {
    const { violation, tokenRequests, logins } = await run(quiet(1_000, 0))
    expect([violation, tokenRequests, logins]).toEqual([undefined, 1, 1])
  })
})
