import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Where a command writes to. */
export interface Output {
  write(text: string): void
  /** Gives `text` a style where it can be seen: on a terminal, and not where `NO_COLOR` is set. */
  style(style: Style, text: string): string
  /** Whether a line that was written can be written over. */
  readonly rewritable: boolean
}

/** What {@link outputTo} needs of a stream. */
export interface TextStream {
  write(text: string): unknown
  isTTY?: boolean
}

/**
 * Writes to a stream, with colours as <https://no-color.org> and Node's `FORCE_COLOR` have it.
 *
 * @param environment - for tests
 */
export function outputTo(stream: TextStream, environment: NodeJS.ProcessEnv = process.env): Output {
  const { NO_COLOR, FORCE_COLOR, TERM } = environment
  const forced = FORCE_COLOR !== undefined && FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  const colours = forced || (stream.isTTY === true && !NO_COLOR && FORCE_COLOR === undefined && TERM !== 'dumb')
  return {
    write: (text) => void stream.write(text),
    rewritable: stream.isTTY === true && TERM !== 'dumb',
    style: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
  }
}
