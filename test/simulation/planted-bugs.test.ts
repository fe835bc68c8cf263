import { beforeAll, describe, expect, it } from 'vitest'
import { bugs, plant, replace, replaceGetter } from './planted-bugs.ts'
import type { Breach } from './violations.ts'
import type { Report } from './worker.ts'
import { bundleSimulation, runInThread } from './workers.ts'

/** Far more than any of them needs. */
const HOURS = 60_000

describe('a planted bug', { timeout: 180_000 }, () => {
  let bundle = ''
  beforeAll(async () => {
    bundle = await bundleSimulation()
  })

  it.each(bugs)('is found by the simulation: $name', async ({ name, breaks, from = 1 }) => {
    let hours = 0
    let found: Breach | undefined
    const onReport = (report: Report) => {
      if (found === undefined) hours += report.hours
      found ??= report.violation?.breach
    }
    await runInThread(bundle, { firstSeed: from, step: 1, hours: HOURS, bug: name }, onReport)
    expect(breaks).toContain(found)
    console.log(`${name}: ${found} after ${Math.round(hours).toLocaleString('en')} virtual hours`)
  })

  it('must have a known name and an existing method to replace', () => {
    class Thing {
      method(): void {}
      get value(): number {
        return 1
      }
    }
    expect(() => plant('no such bug')).toThrow('There is no bug named "no such bug"')
    expect(() => replace(Thing.prototype, 'value', () => 2)).toThrow('Thing has no method value')
    expect(() => replaceGetter(Thing.prototype, 'method', () => () => {})).toThrow('Thing has no getter method')
  })
})
