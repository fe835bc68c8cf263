import { expect, it } from 'vitest'
import { UsageError } from '../../demo/command-line.ts'
import { readOptions } from '../../soak/options.ts'

it('the options have defaults', () => {
  expect(readOptions([], 5)).toEqual({ minutes: 20, seed: 5, tokenLife: 10, workers: 8, max: 5, json: undefined })
})

it('the options are read', () => {
  const args = [
    '--minutes',
    '0.2',
    '--seed=9',
    '--token-life',
    '12',
    '--workers',
    '2',
    '--max',
    '3',
    '--json',
    'a.json',
  ]
  expect(readOptions(args, 5)).toEqual({ minutes: 0.2, seed: 9, tokenLife: 12, workers: 2, max: 3, json: 'a.json' })
  expect(readOptions(['--help'], 5)).toBeUndefined()
})

it.each([
  [['--minutes', '0'], /--minutes must be a number above 0, not "0"/],
  [['--minutes', 'x'], /--minutes/],
  [['--seed', '1.5'], /--seed/],
  [['--token-life', '7'], /--token-life must be a whole number of 8/],
  [['--max', '0'], /--max/],
])('%j is refused', (args, message) => {
  expect(() => readOptions(args, 5)).toThrow(UsageError)
  expect(() => readOptions(args, 5)).toThrow(message)
})
