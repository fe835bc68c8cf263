import { describe, expect, it } from 'vitest'
import { splitText } from '../../src/proxy/answers.ts'

describe('splitText', () => {
  it.each<[string, string, number, string[]]>([
    ['leaves a text that fits whole', 'One.\nTwo.', 9, ['One.\nTwo.']],
    ['splits between lines first', 'One. Two.\nThree.', 12, ['One. Two.', 'Three.']],
    ['splits a line that is too long between sentences', 'One is. Two is. Three.', 16, ['One is. Two is.', 'Three.']],
    ['splits a sentence that is too long between words', 'one two three four', 9, ['one two', 'three', 'four']],
    ['splits a word that is too long', 'abcdefgh', 3, ['abc', 'def', 'gh']],
    ['never splits a character', 'ab😀cd', 3, ['ab', '😀c', 'd']],
    ['keeps indentation, and drops empty lines around the text', '\n  a\n\n  b\n', 20, ['  a\n\n  b']],
    ['makes nothing of an empty text', '', 20, []],
  ])('%s', (_, text, maxLength, parts) => {
    expect(splitText(text, maxLength)).toEqual(parts)
  })
})
