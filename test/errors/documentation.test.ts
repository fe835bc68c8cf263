import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { type EntraErrorCode, ERROR_CODES, rowOf } from '../../src/errors/entra-error.ts'
import { EXPECTED } from './expected.ts'

const guide = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const sections = new Map(
  guide
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.split('\n', 1)[0] ?? '', section]),
)

describe('docs/errors.md', () => {
  it('has a section for each error code and no other', () => {
    expect([...sections.keys()].sort()).toEqual(Object.keys(ERROR_CODES).sort())
  })

  it('is installed with the package, since messages refer to it', () => {
    expect(packageJson.files).toContain('docs/*.md')
  })

  it.each(Object.keys(ERROR_CODES) as EntraErrorCode[])('says of %s what its row in the table says', (code) => {
    const section = sections.get(code) ?? ''
    const { means, prisma, failure } = rowOf(code)
    expect(section.split('\n')[2]).toSatisfy((paragraph: string) => paragraph.startsWith(means))
    expect(section).toContain(`Prisma: ${prisma === undefined ? 'passed on unchanged' : `\`${prisma}\``}. Transient: `)
    if (failure === 'unavailable' || failure === 'not-sent') expect(section).not.toContain('Transient: no.')
  })

  it.each(Object.entries(EXPECTED))('shows what %s looks like and what to do about it', (code, [, what, remedy]) => {
    const section = sections.get(code) ?? ''
    expect(section).toMatch(what)
    expect(section).toMatch(remedy)
    expect(section).toMatch(/^1\. /m)
    expect(guide).toContain(`[${code}](#${code.toLowerCase()})`)
  })
})
