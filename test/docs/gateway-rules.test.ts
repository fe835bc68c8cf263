import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { GATEWAY_RULES } from '../../src/testing/gateway/rules.ts'

it('docs/reliability.md names a source for each rule of the gateway', async () => {
  const text = await readFile(new URL('../../docs/reliability.md', import.meta.url), 'utf8')
  const [, section = ''] = text.split('## How close the tests are to Azure')
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  const named = rows.flatMap((row) =>
    [...(row.split(' | ')[0] ?? '').matchAll(/`([a-z0-9-]+)`/g)].map(([, name]) => name),
  )
  expect(named.toSorted()).toEqual([...GATEWAY_RULES].toSorted())
  for (const row of rows) expect(row).toMatch(/MS-TDS|#\d+|Microsoft/)
})
