import { describe, expect, it } from 'vitest'
import { sayWaits } from '../../src/cli/waiting.ts'
import { recordedOutput } from '../support/recorded-output.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describe('what a command waits for', () => {
  it('is reported on stderr after 2, 4, 8 s, and again for the next wait', async () => {
    const clock = new VirtualClock()
    const { out: err, text } = recordedOutput()
    let what: string | undefined = 'a token'
    const waits = sayWaits({ err }, () => what, clock)
    await clock.advance(9_000)
    what = 'the server'
    await clock.advance(3_000)
    what = undefined
    await clock.advance(10_000)
    what = 'a token'
    waits[Symbol.dispose]()
    await clock.advance(10_000)
    const seconds = [...text().matchAll(/Waiting for (.*), for (\d+) s so far\.\n/g)].map(
      ([, which, s]) => `${which} ${s}`,
    )
    expect(seconds).toEqual(['a token 2', 'a token 4', 'a token 8', 'the server 2'])
  })

  it('is polled only while there is something to wait for, and again on request', async () => {
    const clock = new VirtualClock()
    const { out: err, text } = recordedOutput()
    let what: string | undefined
    using waits = sayWaits({ err }, () => what, clock)
    await clock.advance(1_000)
    expect(clock.timers).toBe(0)
    what = 'a token'
    await clock.advance(10_000)
    expect(text()).toBe('')
    for (let i = 0; i < 5; i++) waits.look()
    expect(clock.timers).toBe(1)
    await clock.advance(3_000)
    expect(text()).toContain('Waiting for a token, for 2 s so far.')
  })
})
