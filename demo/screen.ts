import { coloured, colourless, type Palette } from './palette.ts'

/** Something that is shown as it changes. */
export interface Picture {
  /** A few lines, for a terminal. */
  lines(palette: Palette): string[]
  /** The same as one line, where there is no terminal. */
  line(): string
}

/** Where the display is shown: drawn over itself on a terminal, as a line now and then elsewhere. */
export class Screen {
  readonly palette: Palette
  readonly #stream: NodeJS.WriteStream
  readonly #lineEvery: number
  #drawn = 0
  #lastLine = Number.NEGATIVE_INFINITY

  /** @param lineEvery - how often a line is printed where there is no terminal, in ms */
  constructor(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv, lineEvery: number) {
    this.#stream = stream
    this.#lineEvery = lineEvery
    this.palette = stream.isTTY && !environment.NO_COLOR ? coloured : colourless
  }

  print(text: string): void {
    this.#drawn = 0
    this.#stream.write(`${text}\n`)
  }

  show(picture: Picture, now: number): void {
    if (!this.#stream.isTTY) {
      if (now - this.#lastLine < this.#lineEvery) return
      this.#lastLine = now
      this.#stream.write(`${picture.line()}\n`)
      return
    }
    const lines = picture.lines(this.palette)
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : ''
    this.#stream.write(up + lines.map((line) => `\u001b[2K${line}\n`).join(''))
    this.#drawn = lines.length
  }
}
