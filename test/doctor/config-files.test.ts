import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { overriddenConfigWarning } from '../../src/doctor/reach.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-files-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

it.each<[string[], string[]]>([
  [[], []],
  [['prisma.config.ts'], []],
  [['prisma7.config.ts'], []],
  [
    ['prisma.config.ts', 'prisma7.config.mjs'],
    ["Prisma's commands read prisma7.config.mjs and ignore prisma.config.ts. Keep only one of them."],
  ],
])('doctor warns of a prisma7.config only if it overrides a prisma.config: %j', (files, warnings) => {
  for (const file of files) writeFileSync(join(folder, file), '')
  expect(overriddenConfigWarning(folder)).toEqual(warnings)
})
