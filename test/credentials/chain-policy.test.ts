import { describe, expect, it } from 'vitest'
import { askingOrder, turnOf } from '../../src/credentials/chain.ts'

describe('the order of credentials', () => {
  it.each([
    ['abc', undefined, 'abc'],
    ['abc', 'a', 'abc'],
    ['abc', 'b', 'bac'],
    ['abc', 'c', 'cab'],
    ['a', 'a', 'a'],
  ])('of %s, if %s returned the last token', (listed, serving, order) =>
    expect(askingOrder([...listed], serving)).toEqual([...order]),
  )
})

describe('the time for one credential of a list', () => {
  const service = { interactive: false }
  const person = { interactive: true }

  it.each([2, 3, 4, 9])('lets all %i be asked within the time that work waits', (count) => {
    const turn = turnOf(service, service, count)
    expect(turn).toBeGreaterThan(1_000)
    expect(turn).toBeLessThanOrEqual(5_000)
    expect(turn * (count - 1)).toBeLessThanOrEqual(10_000)
  })

  it('is longer if a person is asked next', () => {
    expect(turnOf(service, person, 2)).toBe(30_000)
  })

  it('is long enough for a person to answer', () => {
    expect(turnOf(person, service, 2)).toBe(120_000)
    expect(turnOf(person, person, 2)).toBe(120_000)
  })
})
