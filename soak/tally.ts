/** What is known of a number in the database that one worker alone counts up. */
export class Tally {
  #begun = 0
  #sure = 0
  #unsure = 0

  /** The number of the next attempt, from 1 on. */
  next(): number {
    return ++this.#begun
  }

  /** Counted up for certain. */
  add(): void {
    this.#sure++
  }

  /** Perhaps counted up: whether the statement took effect is not known. */
  addPerhaps(): void {
    this.#unsure++
  }

  /** Whether the database may hold this number. */
  admits(value: number): boolean {
    return value >= this.#sure && value <= this.#sure + this.#unsure
  }

  toString(): string {
    return this.#unsure === 0 ? String(this.#sure) : `${this.#sure} to ${this.#sure + this.#unsure}`
  }
}
