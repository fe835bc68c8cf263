import { Duplex } from 'node:stream'

/** A connection whose bytes take a while in each direction, as they do on a network. */
export class DelayedLink extends Duplex {
  readonly #below: Duplex
  readonly #delay: number

  /** @param delay - for each direction, in ms */
  constructor(below: Duplex, delay: number) {
    super({ allowHalfOpen: false })
    this.#below = below
    this.#delay = delay
    below.on('data', (chunk: Buffer) => this.#later(() => this.#arrive(chunk)))
    below.once('end', () => this.#later(() => this.push(null)))
    below.once('error', (error) => this.destroy(error))
    below.once('close', () => this.#later(() => this.destroy()))
  }

  #arrive(chunk: Buffer): void {
    if (!this.destroyed && !this.push(chunk)) this.#below.pause()
  }

  override _read(): void {
    this.#below.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#later(() => this.#below.write(chunk))
    if (this.#below.writableNeedDrain) this.#below.once('drain', () => done())
    else done()
  }

  override _final(done: () => void): void {
    this.#later(() => this.#below.end(done))
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#below.destroy()
    done(error)
  }

  /** Timers of the same delay fire in the order in which they were set. */
  #later(action: () => void): void {
    setTimeout(() => {
      if (!this.#below.destroyed || this.#below.readableEnded) action()
    }, this.#delay).unref()
  }
}
