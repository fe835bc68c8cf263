import { expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { VERSION } from '../../src/cli/process.ts'

it('the command has the version of package.json', () => {
  expect(VERSION).toBe(manifest.version)
})
