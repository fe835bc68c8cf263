import { expect, it } from 'vitest'
import { runScript } from '../support/run-script.ts'

it('a drill with a gateway that goes away fails little, and runs and loses no write', async () => {
  const { code, output } = await runScript('drill/main.ts', '--only', 'gateway maintenance')
  const [, ours = ''] = /^\| gateway maintenance \| 5\.0 s \| this adapter \| (.*)$/m.exec(output) ?? []
  const [failed = '', , allWell, ranTwice, lost] = ours.split(' | ')
  expect([ranTwice, lost], output).toEqual(['0', '0'])
  expect(allWell, output).toMatch(/^[\d.]+ s$/)
  // Of those that ran when the gateway went away: at most a pool's worth.
  expect(Number(failed.split(' ')[0]), output).toBeLessThanOrEqual(10)
  expect(code, output).toBe(0)
})

it('a drill says which scenarios there are', async () => {
  const { code, output } = await runScript('drill/main.ts', '--only', 'nothing')
  expect(output).toMatch(/--only takes one of: move, role change, scaling, gateway maintenance/)
  expect(code).toBe(2)
})
