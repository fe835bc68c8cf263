import { expect, it } from 'vitest'
import { outputTo } from '../../src/cli/terminal.ts'

it.each<[string, { isTTY?: boolean }, NodeJS.ProcessEnv, boolean]>([
  ['a terminal', { isTTY: true }, { TERM: 'xterm' }, true],
  ['a pipe', {}, { TERM: 'xterm' }, false],
  ['a terminal without colours', { isTTY: true }, { TERM: 'dumb' }, false],
  ['NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }, false],
  ['an empty NO_COLOR', { isTTY: true }, { NO_COLOR: '' }, true],
  ['FORCE_COLOR in a pipe', {}, { FORCE_COLOR: '1' }, true],
  ['FORCE_COLOR=0 on a terminal', { isTTY: true }, { FORCE_COLOR: '0' }, false],
])('has colours where they can be seen: %s', (_, stream, environment, coloured) => {
  const written: string[] = []
  const output = outputTo({ ...stream, write: (text) => written.push(text) }, environment)
  output.write(output.style('red', 'x'))
  expect(written).toEqual([coloured ? '\u001b[31mx\u001b[39m' : 'x'])
})
