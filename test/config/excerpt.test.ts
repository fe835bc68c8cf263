import { describe, expect, it } from 'vitest'
import { pointAt, type Span } from '../../src/config/source.ts'

/** The place is between brackets, what is hidden between braces. */
function at(marked: string): { text: string; place: Span; hidden: Span[] } {
  const text = marked.replace(/[[\]{}]/g, '')
  const offset = (index: number) => marked.slice(0, index).replace(/[[\]{}]/g, '').length
  const spans = (open: string, close: string) =>
    [...marked.matchAll(new RegExp(`\\${open}`, 'g'))].map(({ index }) => ({
      start: offset(index),
      end: offset(marked.indexOf(close, index)),
    }))
  const [place = { start: 0, end: 0 }] = spans('[', ']')
  return { text, place, hidden: spans('{', '}') }
}

const shown = (marked: string) => {
  const { text, place, hidden } = at(marked)
  return pointAt(text, place, hidden).split('\n')
}

describe('an excerpt', () => {
  it.each([
    ['a=[b];c=d', '  a=b;c=d', '    ^'],
    ['[]a', '  a', '  ^'],
    ['a[]', '  a', '   ^'],
    ['a={secret};b=[cc];d', '  a=***;b=cc;d', '          ^^'],
    ['a={s};b=[cc];d', '  a=***;b=cc;d', '          ^^'],
    ['a=[cc];b={secret}', '  a=cc;b=***', '    ^^'],
    ['a=[{secret}];b', '  a=***;b', '    ^^^'],
    ['a=[{s}];b', '  a=***;b', '    ^^^'],
    ['a={[x]yz};b', '  a=***;b', '    ^^^'],
    ['a={xy[z]};b={s};c', '  a=***;b=***;c', '    ^^^'],
    ['a={x};b={y};[c]={z}', '  a=***;b=***;c=***', '              ^'],
    ['a\n\tb=[c]', '  a  b=c', '       ^'],
  ])('of %j', (marked, excerpt, carets) => expect(shown(marked)).toEqual([excerpt, carets]))

  it.each([10, 60, 150, 250, 290])('of a long text is a window around column %d', (column) => {
    const text = Array.from({ length: 300 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('')
    const [excerpt = '', carets = ''] = pointAt(text, { start: column, end: column + 3 }, []).split('\n')
    expect(excerpt.length).toBeLessThanOrEqual(104)
    expect(excerpt.slice(carets.indexOf('^'), carets.length)).toBe(text.slice(column, column + 3))
  })
})
