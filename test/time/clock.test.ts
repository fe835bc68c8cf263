import { describe, expect, it } from 'vitest'
import { Stopwatch } from '../../src/time/clock.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describe('a stopwatch', () => {
  it('goes with the wall clock while the machine sleeps', () => {
    const clock = new VirtualClock()
    const watch = new Stopwatch(clock)
    clock.set(90_000)
    expect(watch.elapsed).toBe(90_000)
    expect(watch.left(500)).toBe(-89_500)
  })

  it('goes with the monotonic clock when the wall clock is set back', async () => {
    const clock = new VirtualClock()
    const watch = new Stopwatch(clock)
    clock.set(-3_600_000)
    await clock.advance(400)
    expect(watch.elapsed).toBe(400)
    expect(watch.left(500)).toBe(100)
  })
})
