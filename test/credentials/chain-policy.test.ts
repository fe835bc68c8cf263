import { describe, expect, it } from 'vitest'
import { askingOrder, turnOf } from '../../src/credentials/chain.ts'

describe('the order to ask in', () => {
  it.each([
    [3, undefined, [0, 1, 2]],
    [3, 0, [0, 1, 2]],
    [3, 1, [1, 0, 2]],
    [3, 2, [2, 0, 1]],
    [1, 0, [0]],
  ])('of %i, where %s gave the last token', (count, serving, order) =>
    expect(askingOrder(count, serving)).toEqual(order),
  )
})

describe('the turn of a credential', () => {
  const service = { interactive: false }
  const person = { interactive: true }

  it.each([2, 3, 4, 9])('lets %i be asked within the time that work waits', (count) => {
    const turn = turnOf(service, service, count)
    expect(turn).toBeGreaterThan(1_000)
    expect(turn).toBeLessThanOrEqual(5_000)
    expect(turn * (count - 1)).toBeLessThanOrEqual(10_000)
  })

  it('is longer where a person is asked after it', () => {
    expect(turnOf(service, person, 2)).toBe(30_000)
  })

  it('gives a person time to answer', () => {
    expect(turnOf(person, service, 2)).toBe(120_000)
    expect(turnOf(person, person, 2)).toBe(120_000)
  })
})
