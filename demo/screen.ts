import { styleText } from 'node:util'

/** Styles text. */
export interface Palette {
  style(style: Parameters<typeof styleText>[0], text: string): string
  /** Something about a token, by its number: neighbours have different colours. */
  token(token: number, text: string): string
  /** A cell of a lane: a block in the token's colour. */
  cell(token: number): string
}

const TOKEN_COLOURS = ['blue', 'yellow', 'magenta', 'cyan'] as const

export function paletteFor(coloured: boolean): Palette {
  const style: Palette['style'] = (each, text) => (coloured ? styleText(each, text, { validateStream: false }) : text)
  const token = (number: number, text: string) => style(TOKEN_COLOURS[number % TOKEN_COLOURS.length] ?? 'blue', text)
  return { style, token, cell: (number) => token(number, '▆') }
}

/** Something that is shown as it changes. */
export interface Picture {
  /** A few lines, for a terminal of this size. */
  lines(palette: Palette, columns: number, rows: number): string[]
  /** The same as one line, if there is no panel. */
  line(): string
}

/** How often the panel is drawn, in ms. */
const FRAME_EVERY = 200
const ERASE_BELOW = '\u001b[J'
const ERASE_TO_END_OF_LINE = '\u001b[K'
/** A line that wraps would take two rows, and the panel would no longer overwrite itself. */
const WRAP_OFF = '\u001b[?7l'
const WRAP_ON = '\u001b[?7h'

/** Shows a picture: a panel that overwrites itself on a terminal with colours, or else a line now and then. */
export class Screen {
  readonly palette: Palette
  readonly #stream: NodeJS.WriteStream
  readonly #lineEvery: number
  readonly #hasPanel: boolean
  #panel: string[] = []
  #lastLine = { at: Number.NEGATIVE_INFINITY, text: '' }

  /** @param lineEvery - how often a line is printed if there is no panel, in ms */
  constructor(stream: NodeJS.WriteStream, lineEvery: number, environment = process.env) {
    this.#stream = stream
    this.#lineEvery = lineEvery
    this.#hasPanel = stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb'
    this.palette = paletteFor(this.#hasPanel)
  }

  /** Prints text above the panel. */
  print(text: string): void {
    this.#stream.write(`${this.#toPanel()}${this.#hasPanel ? ERASE_BELOW : ''}${text}\n${this.#drawn(this.#panel)}`)
  }

  /**
   * Redraws the current picture again and again while this runs, even while nothing happens.
   *
   * @param keep - whether the last picture stays, above what is printed from then on
   */
  async during<T>(work: Promise<T>, picture: () => Picture, keep: boolean): Promise<T> {
    const show = () => this.#show(picture(), Date.now())
    const drawing = setInterval(show, FRAME_EVERY)
    show()
    try {
      return await work
    } finally {
      clearInterval(drawing)
      show()
      if (this.#hasPanel && !keep) this.#stream.write(this.#toPanel() + ERASE_BELOW)
      this.#panel = []
    }
  }

  #show(picture: Picture, now: number): void {
    if (this.#hasPanel) {
      const { columns = 80, rows = 24 } = this.#stream
      const panel = picture.lines(this.palette, columns, rows).slice(0, rows - 1)
      this.#stream.write(this.#toPanel() + this.#drawn(panel))
      this.#panel = panel
      return
    }
    const text = picture.line()
    if (text === this.#lastLine.text || now - this.#lastLine.at < this.#lineEvery) return
    this.#lastLine = { at: now, text }
    this.#stream.write(`${text}\n`)
  }

  /** Moves to the start of the panel. */
  #toPanel(): string {
    return this.#panel.length === 0 ? '' : `\u001b[${this.#panel.length}A`
  }

  #drawn(panel: readonly string[]): string {
    if (panel.length === 0) return ''
    return WRAP_OFF + panel.map((line) => `${line}${ERASE_TO_END_OF_LINE}\n`).join('') + ERASE_BELOW + WRAP_ON
  }
}

/** A step of which nothing is known but how long it has taken. */
export function stepPicture(step: string, startedAt: number): Picture {
  const seconds = () => ((Date.now() - startedAt) / 1000).toFixed(1)
  return { lines: ({ style }) => [style('dim', `${step} … ${seconds()} s`)], line: () => `${step} …` }
}
