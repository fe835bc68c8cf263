import { describe, expect, it } from 'vitest'
import { Coalesced } from '../../src/proxy/peer.ts'

describe('one action for many who ask', () => {
  it('begins after each of them asked', async () => {
    const begun: number[] = []
    let runs = 0
    const gates: (() => void)[] = []
    const shared = new Coalesced(async () => {
      const run = ++runs
      begun.push(run)
      await new Promise<void>((resolve) => gates.push(resolve))
      return run
    })
    const first = shared.get()
    const late = [shared.get(), shared.get(), shared.get()]
    expect(begun).toEqual([1])
    gates.shift()?.()
    expect(await first).toBe(1)
    await Promise.resolve()
    const later = shared.get()
    expect(begun).toEqual([1, 2])
    gates.shift()?.()
    expect(await Promise.all(late)).toEqual([2, 2, 2])
    await Promise.resolve()
    gates.shift()?.()
    expect(await later).toBe(3)
  })

  it('goes on after one that failed', async () => {
    let runs = 0
    const shared = new Coalesced(async () => {
      if (++runs === 1) throw new Error('x')
      return runs
    })
    const [first, second] = [shared.get(), shared.get()]
    await expect(first).rejects.toThrow('x')
    expect(await second).toBe(2)
    expect(await shared.get()).toBe(3)
  })
})
