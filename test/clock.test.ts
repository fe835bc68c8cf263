import { describe, expect, it } from 'vitest'
import { dueAt } from '../src/clock.ts'

describe('a wait and a clock that is set', () => {
  it('is over when the clock went ahead', () => expect(dueAt({ since: 1000 }, 500, 90_000)).toBe(1500))

  it('begins anew when the clock went back, and only once', () => {
    const wait = { since: 90_000 }
    expect(dueAt(wait, 500, 1000)).toBe(1500)
    expect(dueAt(wait, 500, 1400)).toBe(1500)
  })
})
