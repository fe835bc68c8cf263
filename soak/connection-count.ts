import type { config as MssqlConfig } from 'mssql'

type Connection = Parameters<NonNullable<MssqlConfig['beforeConnect']>>[0]

/** Counts the driver's connections, from before their login until they have ended: exactly, at every moment. */
export class ConnectionCount {
  readonly #onMost: (most: number) => void
  #open = 0
  #most = 0

  /** @param onMost - told when there are more at a time than there ever were */
  constructor(onMost: (most: number) => void) {
    this.#onMost = onMost
  }

  get open(): number {
    return this.#open
  }

  get most(): number {
    return this.#most
  }

  /** To be called as the config's `beforeConnect`. */
  readonly add = (connection: Connection): void => {
    this.#open++
    let ended = false
    const onEnd = () => {
      if (ended) return
      ended = true
      this.#open--
    }
    connection.once('end', onEnd)
    connection.once('error', onEnd)
    if (this.#open <= this.#most) return
    this.#most = this.#open
    this.#onMost(this.#most)
  }
}
