import type { IsolationLevel } from '@prisma/driver-adapter-utils'
import type { SimClock } from './clock.ts'

/** What every session is opened with. */
export const sessionLevel: IsolationLevel = 'READ COMMITTED'

/** One connection, from before its login until it has ended: both ends of it. */
export class Session {
  readonly id: number
  readonly client: number
  readonly database: number
  readonly token: string
  /** Until when new work may begin with it, by the local clock. */
  readonly freshUntil: number
  readonly #begun: { localNow: number; monotonic: number }
  state: 'logging in' | 'open' | 'ended' = 'logging in'
  /** The network has lost it, and nobody knows yet. */
  isDead = false
  /** The error that the server answers all statements with. */
  answers: number | undefined
  /** It has told that it moves. */
  isMoving = false
  /** It has its replacement: it is closed when nothing runs on it. */
  isRetired = false
  /** The work whose transaction is open in it. */
  transaction: string | undefined
  level = sessionLevel
  /** Whether it was asked for a sign of life, and has not answered. */
  isValidating = false
  /** The work that it was lent to last. */
  work: string | undefined
  /** When an answer came last: by the monotonic clock and the local one, in ms; in which step; and to work or not. */
  heardAt = 0
  heardLocal = 0
  heardInStep = 0
  heardWork = false
  /** Why it has ended. */
  endedBy: string | undefined
  /** Fails what is under way on it. */
  interrupt: (() => void) | undefined
  readonly #listeners: (() => void)[] = []

  constructor(
    id: number,
    client: number,
    database: number,
    { token, freshUntil }: { token: string; freshUntil: number },
    { localNow, monotonic }: SimClock,
  ) {
    this.id = id
    this.client = client
    this.database = database
    this.token = token
    this.freshUntil = freshUntil
    this.#begun = { localNow, monotonic }
  }

  /** Since its login began, by whichever clock saw more time pass, in ms. */
  age({ localNow, monotonic }: SimClock): number {
    return Math.max(localNow - this.#begun.localNow, monotonic - this.#begun.monotonic)
  }

  heard({ monotonic, localNow, steps }: SimClock, byWork: boolean): void {
    this.heardAt = monotonic
    this.heardLocal = localNow
    this.heardInStep = steps
    this.heardWork = byWork
  }

  onEnd(listener: () => void): void {
    this.#listeners.push(listener)
    if (this.state === 'ended') this.#tell()
  }

  end(why: string): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    this.endedBy = why
    this.interrupt?.()
    this.#tell()
  }

  /** As tedious does: never from within `close`. */
  #tell(): void {
    process.nextTick(() => {
      for (const listener of this.#listeners.splice(0)) listener()
    })
  }
}
