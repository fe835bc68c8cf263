import { describe, expect, it } from 'vitest'
import { sayWaits, showWaits } from '../../src/cli/waiting.ts'
import { recordedOutput } from '../support/recorded-output.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describe('what a command waits for', () => {
  it('is shown each second, from the second second on', async () => {
    const clock = new VirtualClock()
    const shown: string[] = []
    let what: string | undefined = 'a token'
    const waits = showWaits(
      () => what,
      (awaited, seconds) => shown.push(`${awaited} ${seconds}`),
      clock,
    )
    await clock.advance(1_900)
    expect(shown).toEqual([])
    await clock.advance(1_600)
    expect(shown).toEqual(['a token 2', 'a token 3'])
    what = 'the server'
    await clock.advance(2_500)
    what = undefined
    await clock.advance(10_000)
    expect(clock.timers).toBe(0)
    expect(shown).toEqual(['a token 2', 'a token 3', 'the server 2'])
    waits[Symbol.dispose]()
    what = 'a token'
    await clock.advance(10_000)
    expect(shown).toHaveLength(3)
  })

  it('is looked for only while there is something, and again when asked to', async () => {
    const clock = new VirtualClock()
    const shown: number[] = []
    let what: string | undefined
    using waits = showWaits(
      () => what,
      (_, seconds) => shown.push(seconds),
      clock,
    )
    await clock.advance(1_000)
    expect(clock.timers).toBe(0)
    what = 'a token'
    await clock.advance(10_000)
    expect(shown).toEqual([])
    for (let i = 0; i < 5; i++) waits.look()
    expect(clock.timers).toBe(1)
    await clock.advance(3_000)
    expect(shown).toEqual([2])
  })

  it('is said after 2, 4, 8 s on stderr, and again for the next wait', async () => {
    const clock = new VirtualClock()
    const { out: err, text } = recordedOutput()
    let what = 'a token'
    using _waits = sayWaits({ err }, () => what, clock)
    await clock.advance(9_000)
    what = 'the server'
    await clock.advance(3_000)
    const seconds = [...text().matchAll(/Waiting for (.*), for (\d+) s so far\.\n/g)].map(
      ([, which, s]) => `${which} ${s}`,
    )
    expect(seconds).toEqual(['a token 2', 'a token 4', 'a token 8', 'the server 2'])
  })
})
