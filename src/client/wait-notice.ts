import { printable } from '../errors/wording.ts'
import type { Clock, Timer } from '../time/clock.ts'

/** A wait is reported after this long, in ms. */
const TOLD_AFTER = 2_000

/** Tells on stderr what a process waits for, in one line for each wait: for those who have no `onEvent`. */
export class WaitNotice {
  readonly #clock: Clock
  readonly #awaited: () => string | undefined
  #timer: Timer | undefined
  #told = false

  /** @param awaited - what work waits for now, why, and how long at most; undefined if for nothing */
  constructor(clock: Clock, awaited: () => string | undefined) {
    this.#clock = clock
    this.#awaited = awaited
  }

  /** Work may wait from now on. */
  begin(): void {
    if (this.#told) return
    this.#timer ??= this.#clock.setTimer(TOLD_AFTER, () => {
      this.#timer = undefined
      const [awaited] = this.#awaited()?.split('\n') ?? []
      if (awaited === undefined) return
      this.#told = true
      process.stderr.write(`prisma-adapter-mssql-entra is waiting for ${printable(awaited)}\n`)
    })
  }

  /** The wait is over. */
  end(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#told = false
  }
}
