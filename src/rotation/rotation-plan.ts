import { type Clock, Stopwatch } from '../clock.ts'
import type { RotationReason } from '../events.ts'

/** After a rotation that failed, work that waits has it tried again after this long at the latest, in ms. */
const RETRY_ON_DEMAND = 2_000

interface Plan {
  age: Stopwatch
  /** In ms. */
  delay: number
  reason: RotationReason
  /** Whether it is the next attempt after one that failed. */
  failed: boolean
}

/** When the next rotation is to begin, and why. One at a time is planned. */
export class RotationPlan {
  readonly #clock: Clock
  #plan: Plan | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get reason(): RotationReason | undefined {
    return this.#plan?.reason
  }

  /** How long until it is to begin, in ms; `Infinity` where none is planned. */
  get left(): number {
    return this.#plan === undefined ? Number.POSITIVE_INFINITY : this.#plan.age.left(this.#plan.delay)
  }

  /** How long work that waits for it has to wait yet, in ms: not at all, but for a while after a failure. */
  get leftOnDemand(): number {
    if (!this.#plan?.failed) return 0
    return this.#plan.age.left(Math.min(this.#plan.delay, RETRY_ON_DEMAND))
  }

  /** Plans a rotation, unless one is planned for an earlier time. */
  add(delay: number, reason: RotationReason): void {
    if (delay < this.left) this.#set(delay, reason, false)
  }

  /** Plans a rotation for now, unless the last one has failed: that wait stays. */
  hasten(reason: RotationReason): void {
    if (!this.#plan?.failed) this.#set(0, reason, false)
  }

  /** Plans the next attempt after one that failed. */
  retry(delay: number, reason: RotationReason): void {
    this.#set(delay, reason, true)
  }

  clear(): void {
    this.#plan = undefined
  }

  #set(delay: number, reason: RotationReason, failed: boolean): void {
    this.#plan = { age: new Stopwatch(this.#clock), delay, reason, failed }
  }
}
