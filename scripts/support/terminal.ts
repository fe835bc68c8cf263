/** A piece of a line that looks the same: SGR parameters (ECMA-48), '' for none. */
export interface Run {
  column: number
  text: string
  /** `1` bold, `2` dim. */
  weight: string
  /** `31` red, and so on. */
  colour: string
}

type Cell = Omit<Run, 'column'>

const BLANK: Cell = { text: ' ', weight: '', colour: '' }
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const SEQUENCE = /\u001b\[([?\d;]*)([A-Za-z])/y

/** As much of a terminal as this project's programs use: text, line ends, colours, cursor up, and erasing. */
export class Terminal {
  readonly #lines: Cell[][] = [[]]
  #row = 0
  #column = 0
  #weight = ''
  #colour = ''

  /** All lines that were written and not erased: nothing scrolls away. */
  get lines(): Run[][] {
    return this.#lines.map(runsOf)
  }

  write(text: string): void {
    for (let at = 0; at < text.length; ) {
      SEQUENCE.lastIndex = at
      const [sequence, parameters = '', letter = ''] = SEQUENCE.exec(text) ?? []
      if (sequence === undefined) this.#put(text[at] ?? '')
      else this.#control(parameters, letter)
      at += sequence?.length ?? 1
    }
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0
    else if (character === '\n') {
      this.#row++
      this.#lines[this.#row] ??= []
    } else {
      while (this.#line.length < this.#column) this.#line.push(BLANK)
      this.#line[this.#column++] = { text: character, weight: this.#weight, colour: this.#colour }
    }
  }

  get #line(): Cell[] {
    return this.#lines[this.#row] ?? []
  }

  #control(parameters: string, letter: string): void {
    if (letter === 'A') this.#row = Math.max(this.#row - Number(parameters || 1), 0)
    else if (letter === 'K' || letter === 'J') {
      this.#line.splice(parameters === '2' ? 0 : this.#column)
      if (letter === 'J') this.#lines.splice(this.#row + 1)
    } else if (letter === 'm') for (const parameter of parameters.split(';')) this.#style(parameter)
    // Modes, such as whether lines wrap, change nothing here.
    else if (!parameters.startsWith('?')) throw new Error(`The terminal does not know CSI ${parameters}${letter}.`)
  }

  #style(parameter: string): void {
    const isReset = /^0?$/.test(parameter)
    if (isReset || parameter === '22') this.#weight = ''
    if (isReset || parameter === '39') this.#colour = ''
    if (/^[12]$/.test(parameter)) this.#weight = parameter
    if (/^(3|9)[0-7]$/.test(parameter)) this.#colour = parameter
  }
}

/** Joins cells that look the same. */
function runsOf(cells: readonly Cell[]): Run[] {
  const runs: Run[] = []
  for (const [column, { text, weight, colour }] of cells.entries()) {
    const last = runs.at(-1)
    if (last?.weight === weight && last.colour === colour) last.text += text
    else runs.push({ column, text, weight, colour })
  }
  return runs
}
