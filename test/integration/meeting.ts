/** A barrier: tasks wait until all of them have arrived. */
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

  /** Resolves when all tasks have arrived. */
  arrive(): Promise<void> {
    if (--this.#missing === 0) this.#begin()
    return this.#begun
  }
}
