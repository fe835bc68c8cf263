import { type Clock, Stopwatch, systemClock, type Timer } from '../time/clock.ts'
import { type CliContext, say } from './process.ts'

/** How often to look, in ms. */
const INTERVAL = 250

/** A wait is shown from this age on, in s. */
const SHOWN_FROM = 2

/** Looks for what a command waits for, until disposed. */
export interface Waits extends Disposable {
  /** To be called when something begins to be waited for. Goes on looking until nothing is. */
  look(): void
}

/**
 * Shows each second what a command waits for, from the second second on.
 *
 * @param what - what it waits for now; undefined if for nothing
 * @param show - called with that, and for how long, in s
 */
export function showWaits(
  what: () => string | undefined,
  show: (what: string, seconds: number) => void,
  clock: Clock = systemClock,
): Waits {
  let awaited: string | undefined
  let age = new Stopwatch(clock)
  let shown = 0
  let timer: Timer | undefined
  const look = () => {
    const now = what()
    if (now !== awaited) {
      awaited = now
      age = new Stopwatch(clock)
      shown = 0
    }
    const seconds = Math.floor(age.elapsed / 1000)
    if (awaited !== undefined && seconds >= SHOWN_FROM && seconds > shown) {
      shown = seconds
      show(awaited, seconds)
    }
    timer = awaited === undefined ? undefined : clock.setTimer(INTERVAL, look)
  }
  const waits: Waits = {
    look() {
      timer ??= clock.setTimer(INTERVAL, look)
    },
    [Symbol.dispose]: () => timer?.cancel(),
  }
  waits.look()
  return waits
}

/** As {@link showWaits}, by a message on stderr: after 2, 4, 8, … s. */
export function sayWaits(
  context: Pick<CliContext, 'err'>,
  what: () => string | undefined,
  clock: Clock = systemClock,
): Waits {
  let next = SHOWN_FROM
  const show = (awaited: string, seconds: number) => {
    if (seconds <= SHOWN_FROM) next = SHOWN_FROM
    if (seconds < next) return
    next = seconds * 2
    say(context, `Waiting for ${awaited}, for ${seconds} s so far.`)
  }
  return showWaits(what, show, clock)
}
