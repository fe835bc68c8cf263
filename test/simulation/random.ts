/** A seeded random number generator (sfc32) for simulations. The same seed gives the same numbers. */
export class SeededRandom {
  #a: number
  #b: number
  #c = 0x9e3779b9
  #d: number

  /** @param stream - generators with one seed and different streams are independent of each other */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#d = stream | 1
    for (let i = 0; i < 15; i++) this.next()
  }

  /** From 0 (included) to 1 (not included). */
  readonly next = (): number => {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0
    return (t >>> 0) / 2 ** 32
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** A number from `least` to `most`; small ones are as likely as large ones. */
  between(least: number, most: number): number {
    return least + (most - least) * this.next()
  }

  /** A whole number from `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return Math.floor(this.between(least, most + 1))
  }

  /** A number from `least` to `most`; each order of magnitude is as likely as another. */
  scaled(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.next())
  }

  /** One of the names, as often as its weight says. */
  pick<T extends string>(weights: Readonly<Record<T, number>>): T {
    const names = Object.keys(weights) as T[]
    let left = this.next() * names.reduce((sum, name) => sum + weights[name], 0)
    for (const name of names) {
      left -= weights[name]
      if (left < 0) return name
    }
    throw new Error('No weights to pick from.')
  }
}
