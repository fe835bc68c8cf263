import { coloured, colourless, drawFrame, type Frame, lineOf, type Palette } from './display.ts'

/** How often a line is printed where there is no terminal, in ms. */
const LINE_EVERY = 2_000

/** Where the display is shown: drawn over itself on a terminal, as lines elsewhere. */
export class Screen {
  readonly palette: Palette
  readonly #stream: NodeJS.WriteStream
  #drawn = 0
  #lastLine = Number.NEGATIVE_INFINITY

  constructor(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv) {
    this.#stream = stream
    this.palette = stream.isTTY && !environment.NO_COLOR ? coloured : colourless
  }

  print(text: string): void {
    this.#drawn = 0
    this.#stream.write(`${text}\n`)
  }

  show(frame: Frame, now: number): void {
    if (!this.#stream.isTTY) {
      if (now - this.#lastLine < LINE_EVERY) return
      this.#lastLine = now
      this.#stream.write(`${lineOf(frame)}\n`)
      return
    }
    const lines = drawFrame(frame, this.palette)
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : ''
    this.#stream.write(up + lines.map((line) => `\u001b[2K${line}\n`).join(''))
    this.#drawn = lines.length
  }
}
