/**
 * Runs an action once for all who ask while one is under way: they are answered by the next, which begins after they
 * asked.
 */
export class Coalesced<T> {
  readonly #action: () => Promise<T>
  #running: Promise<T> | undefined
  #next: Promise<T> | undefined

  constructor(action: () => Promise<T>) {
    this.#action = action
  }

  get(): Promise<T> {
    if (this.#running === undefined) return this.#start()
    const start = () => this.#start()
    this.#next ??= this.#running.then(start, start)
    return this.#next
  }

  #start(): Promise<T> {
    this.#next = undefined
    this.#running = this.#action().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }
}
