import { printable, wrapped } from '../errors/wording.ts'
import type { Output } from './process.ts'

/** The time of a line, as HH:MM:SS. @param at - in ms since the epoch */
export function timeOf(at: number, { style }: Output): string {
  return style('dim', new Date(at).toLocaleTimeString('en-GB'))
}

/** A line with a mark between time and text. Its lines stand below each other, to the right of the time. */
export function eventLine(
  at: number,
  mark: string,
  colour: 'green' | 'red' | 'yellow' | 'blue',
  text: string,
  out: Output,
): string {
  const indent = 'HH:MM:SS ! '.length
  const lines = wrapped(printable(text), out.width - indent).replaceAll('\n', `\n${' '.repeat(indent)}`)
  return `${timeOf(at, out)} ${out.style(colour, mark)} ${lines}\n`
}
