import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { AUTHENTICATION_METHODS, METHODS } from '../../src/credentials/methods.ts'

const guide = readFileSync(new URL('../../docs/credentials.md', import.meta.url), 'utf8')

describe('docs/credentials.md', () => {
  it.each(AUTHENTICATION_METHODS)('names the credential for %s', (method) => {
    expect(guide).toContain(`| \`${method}\` | \`${METHODS[method].credential}\``)
  })
})
