import { type Clock, systemClock } from '../../src/time/clock.ts'

/** The machine's clock, which knows how many timers are set. */
export function countingClock(): Clock & { readonly timers: number } {
  const timers = new Set<object>()
  return {
    get timers() {
      return timers.size
    },
    now: systemClock.now,
    monotonic: systemClock.monotonic,
    setTimer(delay, callback) {
      const key = {}
      timers.add(key)
      const timer = systemClock.setTimer(delay, () => {
        timers.delete(key)
        callback()
      })
      return {
        cancel() {
          timers.delete(key)
          timer.cancel()
        },
      }
    },
  }
}
