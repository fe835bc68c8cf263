import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Report } from '../../soak/report.ts'
import { runScript } from '../support/run-script.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soak-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('a soak of some seconds rotates through faults, adds up, leaves nothing, and ends by itself', async () => {
  const json = join(folder, 'report.json')
  // Its plan: the authority answers 503 when the first token is to be refreshed, then logins are slow.
  const options = ['--seed', '250', '--minutes', '0.3', '--token-life', '12', '--workers', '3', '--max', '3']
  const { code, output } = await runScript('--expose-gc', 'soak/main.ts', ...options, '--json', json)
  expect(code, output).toBe(0)
  expect(output).toMatch(/rotations +[1-9]/)
  expect(output).toMatch(/heap, first quarter and last +not judged/)
  expect(output).toMatch(/✓/)

  const report: Report = JSON.parse(await readFile(json, 'utf8'))
  expect(report).toMatchObject({ seed: 250, incidents: [], findings: [], left: [], warnings: [], neverEnded: 0 })
  expect(report.done).toBeGreaterThan(0)
  expect(report.faults.some(({ hits }) => hits > 0)).toBe(true)
  expect(report.heap.start).toBeGreaterThan(0)
  expect(report.sockets.most).toBeGreaterThan(0)
  expect(report.connections.most).toBeLessThanOrEqual(6)
})

it('a soak without --expose-gc says what it needs', async () => {
  const { code, output } = await runScript('soak/main.ts', '--minutes', '0.01')
  expect(output).toMatch(/--expose-gc/)
  expect(code).not.toBe(0)
})
