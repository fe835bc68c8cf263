import type { AdapterEvent } from '../src/index.ts'
import type { FaultLog } from './fault-log.ts'

/** Counts the rotations that no fault disturbed. */
export class RotationWatch {
  readonly #faults: FaultLog
  #startedAt = 0
  #undisturbed = 0

  constructor(faults: FaultLog) {
    this.#faults = faults
  }

  get undisturbed(): number {
    return this.#undisturbed
  }

  onEvent({ type, at }: AdapterEvent): void {
    if (type === 'rotation.started') this.#startedAt = at
    if (type === 'rotation.finished' && this.#faults.between(this.#startedAt, at).length === 0) this.#undisturbed++
  }
}
