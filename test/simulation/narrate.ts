import type { Story } from './story.ts'
import type { Violation } from './verdict.ts'
import { elapsed } from './world.ts'

/** A story that breaks a promise, for people to read. */
export function narrate(story: Story, violation: Violation): string {
  const setting = Object.entries(story.setting)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
  const lines = story.events.map(({ at, type, ...details }) => {
    const parts = Object.entries(details).map(([name, value]) => `${name} ${value}`)
    return `  ${elapsed(at)}  ${type}${parts.length > 0 ? ` (${parts.join(', ')})` : ''}`
  })
  return [
    `Seed ${story.seed}: ${violation.breach}: ${violation.message}`,
    `  setting: ${setting}`,
    ...lines,
    `  ${elapsed(violation.at)}  ! ${violation.breach}`,
    `Replay it with: npm run simulate -- --seed ${story.seed}`,
  ].join('\n')
}
