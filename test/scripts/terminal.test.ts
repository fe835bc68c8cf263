import { describe, expect, it } from 'vitest'
import { Terminal } from '../../scripts/support/terminal.ts'
import { drawTerminal, type Frame } from '../../scripts/support/terminal-svg.ts'

function linesAfter(...written: string[]) {
  const terminal = new Terminal()
  for (const text of written) terminal.write(text)
  return terminal.lines
}

const textOf = (lines: Frame['lines']) => lines.map((runs) => runs.map(({ text }) => text).join(''))

describe('the terminal of the recordings', () => {
  it.each([
    ['lines', 'one\r\ntwo', ['one', 'two']],
    ['a line that begins anew', 'abc\rX', ['Xbc']],
    ['a line that is erased', '… DNS\r\u001b[2K✓ DNS', ['✓ DNS']],
    ['a line that is erased from its end', '… DNS\u001b[2K\r✓', ['✓']],
    [
      'a panel that overwrites itself',
      'a\r\nlong\r\n\u001b[2A\u001b[?7lb\u001b[K\r\nc\u001b[K\r\n\u001b[J',
      ['b', 'c', ''],
    ],
    ['what is erased below', 'a\r\nb\r\nc\u001b[2A\r\u001b[J', ['']],
  ])('understands %s', (_, written, expected) => {
    expect(textOf(linesAfter(written))).toEqual(expected)
  })

  it('knows the style of each piece', () => {
    expect(linesAfter('\u001b[1m\u001b[31mbold red\u001b[22m red\u001b[39m \u001b[2mdim\u001b[0m.')[0]).toEqual([
      { column: 0, text: 'bold red', weight: '1', colour: '31' },
      { column: 8, text: ' red', weight: '', colour: '31' },
      { column: 12, text: ' ', weight: '', colour: '' },
      { column: 13, text: 'dim', weight: '2', colour: '' },
      { column: 16, text: '.', weight: '', colour: '' },
    ])
  })

  it('refuses what it does not know, rather than draw something wrong', () => {
    expect(() => linesAfter('\u001b[3;4H')).toThrow('CSI 3;4H')
  })
})

describe('the picture of a terminal', () => {
  const frame = (text: string, duration: number): Frame => ({ lines: linesAfter(text), duration })

  it('shows each line while it is there, draws one that stays once, and shows the last frame without animations', () => {
    const svg = drawTerminal('x', [frame('title\r\nold', 1), frame('title\r\nnew', 3)], 80)
    expect(svg.match(/>title</g)).toHaveLength(1)
    expect(svg).toMatch(/<g><text [^>]*>title</)
    expect(svg).toMatch(/<g class="off" style="animation-name:f0-1"><text [^>]*>old</)
    expect(svg).toMatch(/<g style="animation-name:f1-2"><text [^>]*>new</)
    expect(svg).toContain('g{animation:4s step-end infinite}')
    expect(svg).toContain('@keyframes f0-1{0%{visibility:visible}25%{visibility:hidden}}')
    expect(svg).toContain('@keyframes f1-2{0%{visibility:hidden}25%{visibility:visible}100%{visibility:visible}}')
  })

  it('draws blocks as shapes, text at its column and as wide as its columns', () => {
    const svg = drawTerminal('x', [frame('  \u001b[34m▆▆\u001b[39m ab', 1)], 80)
    expect(svg).toContain('<path class="c34" d="M32 39h16v13h-16z"/>')
    expect(svg).toContain('<text x="56" y="49" textLength="16">ab</text>')
  })

  it('escapes what XML would read as its own', () => {
    expect(drawTerminal('"a"', [frame('<b> & c', 1)], 80)).toMatch(/aria-label="&quot;a&quot;"[\s\S]*&lt;b> &amp; c</)
  })
})
