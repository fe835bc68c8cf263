import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { PARAMETERS } from '../../src/config/parameters.ts'
import { AUTHENTICATION_METHODS } from '../../src/credentials/methods.ts'

const guide = readFileSync(new URL('../../docs/connection-strings.md', import.meta.url), 'utf8')

describe('docs/connection-strings.md', () => {
  it.each(PARAMETERS.map(({ names }) => names))('has a row for %s with its synonyms', (name, ...synonyms) => {
    const list = synonyms.map((synonym) => `\`${synonym}\``).join(', ')
    expect(guide).toContain(`| \`${name}\` | ${list}${list === '' ? '|' : ' |'}`)
  })

  it.each(AUTHENTICATION_METHODS)('lists %s', (method) => {
    expect(guide).toMatch(new RegExp(`^\\|.*\`${method}\`.*\\|`, 'm'))
  })

  it('has connection strings that are accepted without a warning', () => {
    const [, block = ''] = /```sh\n(.*?)```/s.exec(guide) ?? []
    const strings = block.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    expect(strings).toHaveLength(4)
    for (const text of strings) expect(readConfig(text).warnings).toEqual([])
  })
})
