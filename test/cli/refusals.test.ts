import { describe, expect, it } from 'vitest'
import { summarizeRefusals } from '../../src/cli/refusals.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describe('refused connections', () => {
  it('are a line for the first of each reason, and then a summary every 10 s at most', async () => {
    const clock = new VirtualClock()
    const said: string[] = []
    const refused = summarizeRefusals((text) => said.push(text), clock)
    for (let i = 0; i < 413; i++) refused('other-user')
    expect(said.splice(0)).toEqual(['A client was refused: its process belongs to another user of this machine.'])
    await clock.advance(9_999)
    expect(said).toEqual([])
    await clock.advance(1)
    expect(said.splice(0)).toEqual([
      '412 more connections refused: its process belongs to another user of this machine.',
    ])
    await clock.advance(60_000)
    expect(said).toEqual([])
    expect(clock.timers).toBe(0)
  })

  it('of several reasons share a summary, which counts each', async () => {
    const clock = new VirtualClock()
    const said: string[] = []
    const refused = summarizeRefusals((text) => said.push(text), clock)
    for (const reason of ['timeout', 'credentials', 'timeout', 'credentials', 'timeout'] as const) refused(reason)
    await clock.advance(10_000)
    expect(said.slice(2)).toEqual([
      '3 more connections refused: it did not log in in time (2); not the user and password of this proxy (1).',
    ])
    refused('timeout')
    await clock.advance(10_000)
    expect(said.slice(3)).toEqual(['1 more connection refused: it did not log in in time.'])
  })
})
