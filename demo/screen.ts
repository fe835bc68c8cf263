import { styleText } from 'node:util'

/** Styles text, or leaves it as it is on a terminal without colours. */
export interface Palette {
  style(style: Parameters<typeof styleText>[0], text: string): string
  /** Something about a token, by its number: neighbours have different colours. */
  token(token: number, text: string): string
  /** A cell of a lane: a block in the token's colour, or the last digit of its number. */
  cell(token: number): string
}

const TOKEN_COLOURS = ['blue', 'yellow', 'magenta', 'cyan'] as const

export function paletteFor(coloured: boolean): Palette {
  const style: Palette['style'] = (each, text) => (coloured ? styleText(each, text, { validateStream: false }) : text)
  const token = (number: number, text: string) => style(TOKEN_COLOURS[number % TOKEN_COLOURS.length] ?? 'blue', text)
  return { style, token, cell: (number) => (coloured ? token(number, '▆') : String((number + 1) % 10)) }
}

/** Something that is shown as it changes. */
export interface Picture {
  /** A few lines, for a terminal this wide. */
  lines(palette: Palette, columns: number): string[]
  /** The same as one line, if there is no terminal. */
  line(): string
}

const ERASE_BELOW = '\u001b[J'
/** A line that wraps would take two rows, and the panel would no longer overwrite itself. */
const WRAP_OFF = '\u001b[?7l'
const WRAP_ON = '\u001b[?7h'

/** Shows a picture: a panel that overwrites itself on a terminal, or else a line now and then. */
export class Screen {
  readonly palette: Palette
  readonly #stream: NodeJS.WriteStream
  readonly #lineEvery: number
  #panel: string[] = []
  #lastLine = Number.NEGATIVE_INFINITY

  /** @param lineEvery - how often a line is printed if there is no terminal, in ms */
  constructor(stream: NodeJS.WriteStream, lineEvery: number) {
    this.#stream = stream
    this.#lineEvery = lineEvery
    this.palette = paletteFor(stream.isTTY && !process.env.NO_COLOR)
  }

  /** Prints text above the panel. */
  print(text: string): void {
    this.#stream.write(`${this.#overPanel()}${text}\n${this.#drawn(this.#panel)}`)
  }

  show(picture: Picture, now: number): void {
    if (this.#stream.isTTY) {
      const { columns = 80, rows = 24 } = this.#stream
      const panel = picture.lines(this.palette, columns).slice(0, rows - 1)
      this.#stream.write(this.#overPanel() + this.#drawn(panel))
      this.#panel = panel
    } else if (now - this.#lastLine >= this.#lineEvery) {
      this.#lastLine = now
      this.#stream.write(`${picture.line()}\n`)
    }
  }

  /** Leaves the panel as it is, and prints below it from now on. */
  leavePanel(): void {
    this.#panel = []
  }

  /** Moves to the start of the panel, and erases it. */
  #overPanel(): string {
    return this.#panel.length === 0 ? '' : `\u001b[${this.#panel.length}A${ERASE_BELOW}`
  }

  #drawn(panel: readonly string[]): string {
    return panel.length === 0 ? '' : WRAP_OFF + panel.map((line) => `${line}\n`).join('') + WRAP_ON
  }
}
