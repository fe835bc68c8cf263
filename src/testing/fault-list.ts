/** A fault that was injected. */
export interface InjectedFault {
  /** How many requests or connections it befell. */
  readonly hits: number
  /** Takes it away; what it befell already stays as it is. */
  clear(): void
}

/** The faults in force, oldest first. Who takes one takes the first that fits, and no other. */
export class FaultList<Fault extends { times?: number }> {
  readonly #entries = new Set<{ fault: Fault; hits: number }>()

  /** @param fault - `times`: how often it befalls something; until it is cleared, where there is none */
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

  /** The fault that befalls something now; counts it. */
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
