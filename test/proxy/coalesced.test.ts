import { describe, expect, it } from 'vitest'
import { coalesced } from '../../src/proxy/admission.ts'

describe('one action for many who ask', () => {
  it('begins after each of them asked', async () => {
    const begun: number[] = []
    let runs = 0
    const gates: (() => void)[] = []
    const shared = coalesced(async () => {
      const run = ++runs
      begun.push(run)
      await new Promise<void>((resolve) => gates.push(resolve))
      return run
    })
    const first = shared()
    const late = [shared(), shared(), shared()]
    expect(begun).toEqual([1])
    gates.shift()?.()
    expect(await first).toBe(1)
    await Promise.resolve()
    const later = shared()
    expect(begun).toEqual([1, 2])
    gates.shift()?.()
    expect(await Promise.all(late)).toEqual([2, 2, 2])
    await Promise.resolve()
    gates.shift()?.()
    expect(await later).toBe(3)
  })

  it('goes on after one that failed', async () => {
    let runs = 0
    const shared = coalesced(async () => {
      if (++runs === 1) throw new Error('x')
      return runs
    })
    const [first, second] = [shared(), shared()]
    await expect(first).rejects.toThrow('x')
    expect(await second).toBe(2)
    expect(await shared()).toBe(3)
  })
})
