import { hour, minute, second } from './clock.ts'
import type { Story } from './story.ts'
import type { Violation } from './verdict.ts'

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

/** As hours:minutes:seconds.milliseconds. */
export function elapsed(ms: number): string {
  const pad = (value: number, digits: number) => String(Math.floor(value)).padStart(digits, '0')
  return `${pad(ms / hour, 2)}:${pad((ms % hour) / minute, 2)}:${pad((ms % minute) / second, 2)}.${pad(ms % second, 3)}`
}
