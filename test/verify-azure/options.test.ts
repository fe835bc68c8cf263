import { expect, it } from 'vitest'
import { UsageError } from '../../scripts/support/command-line.ts'
import { readOptions, USAGE } from '../../scripts/verify-azure/options.ts'

it('verify:azure reads its connection string from --url, or else from DATABASE_URL', () => {
  const rest = { shadow: undefined, hours: 0, json: false }
  expect(readOptions(['--url', 'a'], { DATABASE_URL: 'b' })).toEqual({ url: 'a', ...rest })
  expect(readOptions([], { DATABASE_URL: 'b' })).toEqual({ url: 'b', ...rest })
  const all = ['--url=a', '--shadow', 's', '--hours', '1.5', '--json']
  expect(readOptions(all, {})).toEqual({ url: 'a', shadow: 's', hours: 1.5, json: true })
  expect(readOptions(['--help'], {})).toBeUndefined()
})

it.each([
  [[], /--url is missing/],
  [['--url', 'a', '--hours', 'two'], /--hours must be a number from 0 to 48, not "two"/],
  [['--url', 'a', '--hours', '49'], /--hours/],
  [['--url', 'a', '--shadow', ' '], /--shadow/],
  [['--url', 'a', '--nonsense'], /nonsense/],
])('verify:azure refuses %j', (args, message) => {
  expect(() => readOptions(args, {})).toThrow(UsageError)
  expect(() => readOptions(args, {})).toThrow(message)
})

it('verify:azure lists each of its options in its help', () => {
  for (const name of ['url', 'shadow', 'hours', 'json', 'help']) expect(USAGE).toMatch(new RegExp(`^  --${name} `, 'm'))
})
