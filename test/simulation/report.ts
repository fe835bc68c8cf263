import { elapsed, hour } from './clock.ts'
import type { Scenario, Setting } from './scenario.ts'
import type { Violation } from './violations.ts'
import { run } from './world.ts'

/** How often a scenario is run at most. */
const MOST_RUNS = 600

/**
 * The shortest scenario found that violates the same invariant: delta debugging of its events (Zeller and Hildebrandt,
 * "Simplifying and isolating failure-inducing input"), after a simpler setting was tried.
 */
export async function shrink(scenario: Scenario, violation: Violation): Promise<Scenario> {
  let runs = 0
  let best = { ...scenario, hours: (violation.at + hour) / hour }
  const tryOut = async (candidate: Scenario): Promise<boolean> => {
    if (runs++ >= MOST_RUNS) return false
    const { violation: found } = await run(candidate)
    if (found?.breach !== violation.breach) return false
    best = { ...candidate, hours: Math.min(candidate.hours, (found.at + hour) / hour) }
    return true
  }
  await tryOut({ ...best, events: scenario.events.filter(({ at }) => at <= violation.at) })
  for (const simpler of simplerSettings) await tryOut({ ...best, setting: { ...best.setting, ...simpler } })
  for (let parts = 2; best.events.length > 0; ) {
    const size = Math.ceil(best.events.length / parts)
    let removed = false
    // From the end, so that what has no effect any more goes first.
    for (let from = (parts - 1) * size; from >= 0; from -= size) {
      const { events } = best
      const without = [...events.slice(0, from), ...events.slice(from + size)]
      if (without.length < events.length && (await tryOut({ ...best, events: without }))) removed = true
    }
    if (runs >= MOST_RUNS || (size === 1 && !removed)) break
    parts = Math.min(Math.max(2, best.events.length), removed ? parts : 2 * parts)
  }
  return best
}

const simplerSettings: Partial<Setting>[] = [
  { latency: 1 },
  { min: 0 },
  { validation: 'after-idle' },
  { sessionsOutliveTokens: false },
  { maxAge: undefined },
  { givesRefreshAfter: false },
  { endsExpiredSessions: false },
  { relativeExpiry: false },
]

/** Describes a scenario that violates an invariant. */
export function describeScenario(scenario: Scenario, violation: Violation): string {
  const setting = Object.entries(scenario.setting)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
  const lines = scenario.events.map(({ at, type, ...details }) => {
    const parts = Object.entries(details).map(([name, value]) => `${name} ${value}`)
    return `  ${elapsed(at)}  ${type}${parts.length > 0 ? ` (${parts.join(', ')})` : ''}`
  })
  return [
    `Seed ${scenario.seed}: ${violation.breach}: ${violation.message}`,
    `  setting: ${setting}`,
    ...lines,
    `  ${elapsed(violation.at)}  ! ${violation.breach}`,
    `Replay it with: npm run simulate -- --seed ${scenario.seed}`,
  ].join('\n')
}
