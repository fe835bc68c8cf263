import { describe, expect, it } from 'vitest'
import { hour } from './clock.ts'
import { narrate } from './narrate.ts'
import { shrink } from './shrink.ts'
import { type Story, tellStory } from './story.ts'
import { run } from './world.ts'

/** About 8,000 virtual hours. */
const STORIES = 200

describe('the simulation', () => {
  it('finds every promise kept in a fixed part of all stories', async () => {
    let rotations = 0
    for (let seed = 1; seed <= STORIES; seed++) {
      const story = tellStory(seed)
      const outcome = await run(story)
      rotations += outcome.rotations
      const { violation } = outcome
      if (violation !== undefined) expect.unreachable(narrate(await shrink(story, violation), violation))
    }
    expect(rotations).toBeGreaterThan(10_000)
  })

  it('is the same each time', async () => {
    const tell = async () => {
      const lines: string[] = []
      const outcome = await run(tellStory(4711), (line) => lines.push(line))
      return { outcome, lines }
    }
    const first = await tell()
    expect(first.lines.length).toBeGreaterThan(500)
    expect(await tell()).toEqual(first)
  })

  it('keeps quiet hours cheap, and rotates in them', async () => {
    const quiet: Story = { ...tellStory(1), hours: 1_000, events: [{ at: 0, type: 'connect', client: 0 }] }
    quiet.setting = { ...quiet.setting, clients: 1, lifetime: hour, maxAge: undefined, latency: 1 }
    const { violation, rotations, steps } = await run(quiet)
    expect(violation).toBeUndefined()
    expect(rotations).toBeGreaterThan(1_000)
    expect(steps / 1_000).toBeLessThan(60)
  })
})
