import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { AUTHENTICATION_METHODS } from '../../src/config/sign-in.ts'
import { METHODS } from '../../src/credentials/methods.ts'
import { anchorsOf } from '../support/markdown.ts'

const guide = readFileSync(new URL('../../docs/credentials.md', import.meta.url), 'utf8')

describe('docs/credentials.md', () => {
  it.each(AUTHENTICATION_METHODS)('says which credential %s is', (method) => {
    expect(guide).toContain(`| \`${method}\` | \`${METHODS[method].credential}\``)
  })

  it('has no link to a heading that is not there', () => {
    const anchors = anchorsOf(guide)
    const links = [...guide.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor)
    expect(links.length).toBeGreaterThan(5)
    expect(links.filter((anchor) => !anchors.includes(anchor ?? ''))).toEqual([])
  })
})
