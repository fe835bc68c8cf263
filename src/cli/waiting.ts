import { type Clock, Stopwatch, systemClock, type Timer } from '../time/clock.ts'
import { type CliContext, say } from './process.ts'

/** How often to look, in ms. */
const INTERVAL = 250

/** A wait is reported once it has lasted this long, in s. */
const SAID_FROM = 2

/** Polls what a command waits for, until disposed. */
export type Waits = ReturnType<typeof sayWaits>

/**
 * Says on stderr what a command waits for: after 2, 4, 8, … s, until disposed.
 *
 * @param what - what it waits for now; undefined if for nothing
 */
export function sayWaits(context: Pick<CliContext, 'err'>, what: () => string | undefined, clock: Clock = systemClock) {
  let awaited: string | undefined
  let age = new Stopwatch(clock)
  let next = SAID_FROM
  let timer: Timer | undefined
  const look = () => {
    const now = what()
    if (now !== awaited) {
      awaited = now
      age = new Stopwatch(clock)
      next = SAID_FROM
    }
    const seconds = Math.floor(age.elapsed / 1000)
    if (awaited !== undefined && seconds >= next) {
      say(context, `Waiting for ${awaited}, for ${seconds} s so far.`)
      next = seconds * 2
    }
    timer = now === undefined ? undefined : clock.setTimer(INTERVAL, look)
  }
  const waits = {
    /** Call this when a wait begins. It keeps polling until nothing waits. */
    look() {
      timer ??= clock.setTimer(INTERVAL, look)
    },
    [Symbol.dispose]: () => timer?.cancel(),
  }
  waits.look()
  return waits
}
