import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const DOCS = new URL('../../docs/', import.meta.url)
const PICTURES = readdirSync(DOCS).filter((name) => name.endsWith('.svg'))

describe.each(PICTURES)('docs/%s', (name) => {
  const svg = readFileSync(new URL(name, DOCS), 'utf8')

  it('is small, has a title, and needs nothing that GitHub and npm block in a picture', () => {
    expect(svg.length).toBeLessThan(60_000)
    expect(svg).toMatch(/aria-label="[^"]{10,}"|<title>/)
    expect(svg).not.toMatch(/<script|<foreignObject|<image|@import|url\((?!#)|href="http/)
  })
})

it('the recordings are of runs in which nothing of ours failed', () => {
  const rotation = readFileSync(new URL('rotation.svg', DOCS), 'utf8')
  expect(rotation).toMatch(/tokens of \d+ s: 0 failures, or [\d,]{2,} with a token given once/)
})
