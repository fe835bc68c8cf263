type Paint = (text: string) => string

/** Colours, or none. */
export interface Palette {
  dim: Paint
  bold: Paint
  good: Paint
  warn: Paint
  bad: Paint
  /** A cell of a lane, by the number of the token: a block in its colour, or the last digit of its number. */
  cell(token: number): string
  /** Something else about that token. */
  token(token: number): Paint
}

const ansi =
  (code: number): Paint =>
  (text) =>
    `\u001b[${code}m${text}\u001b[0m`
const plain: Paint = (text) => text

/** Blue, yellow, magenta, cyan: neighbours differ. */
const TOKEN_COLOURS = [34, 33, 35, 36]
const tokenPaint = (token: number) => ansi(TOKEN_COLOURS[token % TOKEN_COLOURS.length] ?? 34)

export const coloured: Palette = {
  dim: ansi(2),
  bold: ansi(1),
  good: ansi(32),
  warn: ansi(33),
  bad: ansi(31),
  cell: (token) => tokenPaint(token)('▆'),
  token: tokenPaint,
}
export const colourless: Palette = {
  dim: plain,
  bold: plain,
  good: plain,
  warn: plain,
  bad: plain,
  cell: (token) => String((token + 1) % 10),
  token: () => plain,
}

const BAR = 32

/** A bar that is full to this share, from 0 to 1. */
export function bar(share: number, paint: Paint, palette: Palette): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * BAR)
  return paint('█'.repeat(full)) + palette.dim('░'.repeat(BAR - full))
}

/** Something that is shown as it changes. */
export interface Picture {
  /** A few lines, for a terminal this wide. */
  lines(palette: Palette, columns: number): string[]
  /** The same as one line, where there is no terminal. */
  line(): string
}

const ERASE_BELOW = '\u001b[J'
/** A line that wraps would take two rows, and the panel would no longer be drawn over itself. */
const WRAP_OFF = '\u001b[?7l'
const WRAP_ON = '\u001b[?7h'

/** Where the display is shown: a panel that is drawn over itself on a terminal, a line now and then elsewhere. */
export class Screen {
  readonly palette: Palette
  readonly #stream: NodeJS.WriteStream
  readonly #lineEvery: number
  #panel: string[] = []
  #lastLine = Number.NEGATIVE_INFINITY

  /** @param lineEvery - how often a line is printed where there is no terminal, in ms */
  constructor(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv, lineEvery: number) {
    this.#stream = stream
    this.#lineEvery = lineEvery
    this.palette = stream.isTTY && !environment.NO_COLOR ? coloured : colourless
  }

  /** Prints text above the panel. */
  print(text: string): void {
    this.#stream.write(`${this.#overPanel()}${text}\n${this.#drawn(this.#panel)}`)
  }

  show(picture: Picture, now: number): void {
    if (!this.#stream.isTTY) {
      if (now - this.#lastLine < this.#lineEvery) return
      this.#lastLine = now
      this.#stream.write(`${picture.line()}\n`)
      return
    }
    const { columns = 80, rows = 24 } = this.#stream
    const panel = picture.lines(this.palette, columns).slice(0, rows - 1)
    this.#stream.write(this.#overPanel() + this.#drawn(panel))
    this.#panel = panel
  }

  /** The panel stays as it is: what is printed from now on comes below it. */
  leavePanel(): void {
    this.#panel = []
  }

  /** Moves to where the panel begins, and erases it. */
  #overPanel(): string {
    return this.#panel.length === 0 ? '' : `\u001b[${this.#panel.length}A${ERASE_BELOW}`
  }

  #drawn(panel: readonly string[]): string {
    return panel.length === 0 ? '' : WRAP_OFF + panel.map((line) => `${line}\n`).join('') + WRAP_ON
  }
}
