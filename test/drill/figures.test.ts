import { describe, expect, it } from 'vitest'
import { figuresOf, type Operation } from '../../drill/figures.ts'

const operation = (n: number, kind: Operation['kind'], until: number, error?: string): Operation => ({
  n,
  kind,
  from: until - 10,
  until,
  ...(error !== undefined && { error }),
})

describe('the figures of a drill', () => {
  const operations = [
    operation(1, 'write', 1_000),
    operation(2, 'write', 2_000, 'P1017'),
    operation(3, 'transaction', 2_500, 'P2034'),
    operation(4, 'read', 5_100),
    operation(5, 'write', 5_200),
    operation(6, 'transaction', 5_700),
  ]

  it('count failures, and how long they lasted from the first to the last', () => {
    const { failed, window, errors } = figuresOf(operations, 5_000, [1, 5, 6])
    expect([failed, window, errors]).toEqual([2, 500, { P1017: 1, P2034: 1 }])
  })

  it('say when the last kind of work succeeded after the server was back', () => {
    expect(figuresOf(operations, 5_000, [1, 5, 6]).firstSuccess).toBe(700)
    expect(figuresOf(operations, 5_300, [1, 5, 6]).firstSuccess).toBeUndefined()
  })

  it('find writes that ran twice, and acknowledged ones that are missing', () => {
    const { twice, missing } = figuresOf(operations, 5_000, [1, 1, 5])
    expect([twice, missing]).toEqual([1, 1])
  })

  it('are zero where nothing failed', () => {
    expect(figuresOf([operation(1, 'write', 1_000)], 500, [1])).toMatchObject({
      failed: 0,
      window: 0,
      twice: 0,
      missing: 0,
    })
  })
})
