import { bar, type Palette } from '../demo/palette.ts'
import type { Picture } from '../demo/screen.ts'

/** What is shown while it runs. */
export interface Moment {
  /** Both in s. */
  elapsed: number
  length: number
  /** What is wrong just now. */
  faults: readonly string[]
  generation: number
  draining: number
  tokenSecondsLeft: number
  rotations: number
  done: number
  running: number
  explained: number
  unexplained: number
  /** In bytes, as it was measured last. */
  heap: number
  sockets: number
  connections: number
}

export function pictureOf(moment: Moment): Picture {
  return { lines: (palette) => linesOf(moment, palette), line: () => lineOf(moment) }
}

function linesOf(moment: Moment, palette: Palette): string[] {
  const { dim, bold, good, warn, bad } = palette
  const label = (text: string) => dim(text.padEnd(12))
  const { elapsed, length, draining } = moment
  const unexplained = moment.unexplained === 0 ? good('0') : bad(String(moment.unexplained))
  return [
    `${label('time')}${bar(elapsed / length, dim, palette)}  ${clock(elapsed)} of ${clock(length)}`,
    `${label('fault')}${moment.faults.length === 0 ? dim('none') : warn(moment.faults.join(', '))}`,
    `${label('token')}${moment.tokenSecondsLeft} s left`,
    `${label('generation')}${bold(String(moment.generation))}${draining > 0 ? dim(`  (${draining} draining)`) : ''}`,
    `${label('rotations')}${bold(String(moment.rotations))}`,
    `${label('queries')}${bold(String(moment.done))}, ${moment.running} at work`,
    `${label('failures')}${moment.explained} explained, ${unexplained} unexplained`,
    `${label('heap')}${megabytes(moment.heap)}`,
    `${label('sockets')}${moment.sockets}, of ${moment.connections} connections`,
  ]
}

function lineOf(moment: Moment): string {
  return [
    clock(moment.elapsed).padStart(6),
    `rotations ${moment.rotations}`,
    `queries ${moment.done}`,
    `failures ${moment.explained} + ${moment.unexplained} unexplained`,
    `heap ${megabytes(moment.heap)}`,
    `sockets ${moment.sockets}`,
    `fault ${moment.faults.join(', ') || 'none'}`,
  ].join('  ')
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
