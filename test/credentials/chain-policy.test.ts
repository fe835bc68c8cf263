import { describe, expect, it } from 'vitest'
import { askingOrder, turnOf } from '../../src/credentials/chain.ts'

describe('the order of credentials', () => {
  it.each([
    [3, undefined, [0, 1, 2]],
    [3, 0, [0, 1, 2]],
    [3, 1, [1, 0, 2]],
    [3, 2, [2, 0, 1]],
    [1, 0, [0]],
  ])('of %i, if %s returned the last token', (count, serving, order) =>
    expect(askingOrder(count, serving)).toEqual(order),
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
