import { describe, expect, it } from 'vitest'
import { piecesOf } from '../../src/proxy/answers.ts'

describe('a text in pieces', () => {
  it.each<[string, string, number, string[]]>([
    ['is one piece where it fits', 'One.\nTwo.', 9, ['One.\nTwo.']],
    ['is cut at the ends of lines first', 'One. Two.\nThree.', 12, ['One. Two.', 'Three.']],
    [
      'is cut at the ends of sentences where a line is too long',
      'One is. Two is. Three.',
      16,
      ['One is. Two is.', 'Three.'],
    ],
    ['is cut between words where a sentence is too long', 'one two three four', 9, ['one two', 'three', 'four']],
    ['is cut within a word where that is too long', 'abcdefgh', 3, ['abc', 'def', 'gh']],
    ['is never cut within a character', 'ab😀cd', 3, ['ab', '😀c', 'd']],
    ['keeps its indentation, and no empty lines around', '\n  a\n\n  b\n', 20, ['  a\n\n  b']],
    ['is no piece where it is empty', '', 20, []],
  ])('%s', (_, text, longest, pieces) => {
    expect(piecesOf(text, longest)).toEqual(pieces)
  })
})
