import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { EXPECTED } from './expected.ts'

const guide = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const sections = new Map(
  guide
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.split('\n', 1)[0] ?? '', section]),
)

describe('docs/errors.md', () => {
  it('has a heading for each code, and none else', () => {
    expect([...sections.keys()].sort()).toEqual(Object.keys(EXPECTED).sort())
  })

  it('is installed with the package, since messages name it', () => {
    expect(packageJson.files).toContain('docs/*.md')
  })

  it.each(Object.entries(EXPECTED))(
    '%s: what it looks like, what to do, and Prisma’s code',
    (code, [prisma, what, remedy]) => {
      const section = sections.get(code) ?? ''
      expect(section).toMatch(what)
      expect(section).toMatch(remedy)
      expect(section).toMatch(/^1\. /m)
      expect(section).toContain(
        `Prisma: ${prisma === undefined ? 'shown as it is' : `\`${prisma}\``}. Passes by itself: `,
      )
      expect(guide).toContain(`[${code}](#${code.toLowerCase()})`)
    },
  )
})
