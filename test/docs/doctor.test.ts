import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { doctorCommand } from '../../src/cli/doctor-command.ts'
import { resultsAsJson } from '../../src/cli/doctor-report.ts'
import { STEPS } from '../../src/doctor/steps.ts'
import { codeBlocks, tableRows } from '../support/markdown.ts'
import { silentContext } from '../support/recorded-output.ts'

const guide = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8')

describe('docs/doctor.md', () => {
  it('lists the steps of doctor in order', () => {
    const ids = tableRows(guide).flatMap(([cell = '']) => /^`([a-z][a-z-]*)`$/.exec(cell)?.[1] ?? [])
    expect(ids).toEqual(Object.keys(STEPS))
  })

  it('shows samples with all steps', () => {
    const samples = codeBlocks(guide, 'text')
    expect(samples).toHaveLength(2)
    for (const sample of samples) {
      const titles = sample.split('\n').flatMap((line) => /^[✓!✗–] (.{17})/.exec(line)?.[1]?.trim() ?? [])
      expect(titles).toEqual(Object.values(STEPS))
    }
  })

  it('lists every flag', () => {
    const command = doctorCommand(silentContext())
    for (const { long } of command.options) expect(guide).toContain(`\`${long}`)
  })

  it('lists the fields of --json', () => {
    const [sample = '{}'] = codeBlocks(guide, 'json')
    const error = new Error('x')
    const result = {
      id: 'dns',
      status: 'failed',
      durationMs: 1,
      summary: '',
      details: {},
      warnings: [],
      error,
    } as const
    const [shown, written] = [JSON.parse(sample), JSON.parse(resultsAsJson([result]))]
    expect(Object.keys(shown)).toEqual(Object.keys(written))
    expect(Object.keys(shown.steps[0])).toEqual(Object.keys(written.steps[0]))
    expect(Object.keys(shown.steps[0].error)).toEqual(Object.keys(written.steps[0].error))
  })
})
