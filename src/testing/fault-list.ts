/** A fault that was injected. */
export interface InjectedFault {
  /** How many requests or connections it hit. */
  readonly hits: number
  /** Removes it. What it hit already stays as it is. */
  clear(): void
}

/** The faults in force, oldest first. The first that fits applies, and no other. */
export class FaultList<Fault extends { times?: number }> {
  readonly #entries = new Set<{ fault: Fault; hits: number }>()

  /** @param fault - `times`: how often it applies. @defaultValue until it is cleared */
  inject(fault: Fault): InjectedFault {
    const entry = { fault, hits: 0 }
    this.#entries.add(entry)
    return {
      get hits() {
        return entry.hits
      },
      clear: () => {
        this.#entries.delete(entry)
      },
    }
  }

  clear(): void {
    this.#entries.clear()
  }

  /** The first fault that fits, which is counted. */
  take(fits: (fault: Fault) => boolean): Fault | undefined {
    for (const entry of this.#entries) {
      if (!fits(entry.fault)) continue
      entry.hits++
      if (entry.hits >= (entry.fault.times ?? Number.POSITIVE_INFINITY)) this.#entries.delete(entry)
      return entry.fault
    }
    return undefined
  }
}
