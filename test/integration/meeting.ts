/** Lets a number of tasks wait until all of them have come as far. */
export class Meeting {
  #missing: number
  readonly #begun: Promise<void>
  #begin: () => void = () => {}

  constructor(size: number) {
    this.#missing = size
    this.#begun = new Promise((resolve) => {
      this.#begin = resolve
    })
  }

  /** Resolves when everybody has arrived. */
  arrive(): Promise<void> {
    if (--this.#missing === 0) this.#begin()
    return this.#begun
  }
}
