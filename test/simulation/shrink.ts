import { hour } from './clock.ts'
import type { Setting, Story } from './story.ts'
import type { Violation } from './verdict.ts'
import { run } from './world.ts'

/** How often a story is run again at most. */
const MOST_RUNS = 600

/**
 * The shortest story found that breaks the same promise: delta debugging of its events (Zeller and Hildebrandt,
 * "Simplifying and isolating failure-inducing input"), after a simpler setting was tried.
 */
export async function shrink(story: Story, violation: Violation): Promise<Story> {
  let runs = 0
  let best = { ...story, hours: (violation.at + hour) / hour }
  const tryOut = async (candidate: Story): Promise<boolean> => {
    if (runs++ >= MOST_RUNS) return false
    const { violation: found } = await run(candidate)
    if (found?.breach !== violation.breach) return false
    best = { ...candidate, hours: Math.min(candidate.hours, (found.at + hour) / hour) }
    return true
  }
  await tryOut({ ...best, events: story.events.filter(({ at }) => at <= violation.at) })
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
