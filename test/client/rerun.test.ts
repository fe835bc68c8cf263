import { describe, expect, it } from 'vitest'
import { mayRunAgain } from '../../src/client/rerun.ts'

describe('work that failed', () => {
  it.each([
    ['statement', 'token', 1, true],
    ['statement', 'token', 2, false],
    ['statement', 'not-sent', 3, true],
    ['statement', 'not-sent', 4, false],
    ['statement', 'lost', 1, false],
    ['begin', 'lost', 3, true],
    ['begin', 'lost', 4, false],
    ['read', 'lost', 3, true],
    ['read', 'lost', 4, false],
    ['script', 'token', 1, true],
    ['script', 'unavailable', 1, false],
    ['statement', 'unavailable', 100, true],
    ['begin', 'unavailable', 100, true],
    ['statement', 'read-only', 1, true],
    ['statement', 'read-only', 2, false],
  ] as const)('as a %s by %s for the %i. time is run again: %s', (work, failure, times, again) => {
    expect(mayRunAgain(work, failure, { [failure]: times })).toBe(again)
  })

  it('counts its reruns separately for each cause', () => {
    expect(mayRunAgain('statement', 'token', { token: 1, 'not-sent': 3 })).toBe(true)
  })
})
