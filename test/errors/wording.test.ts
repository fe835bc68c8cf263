import { describe, expect, it } from 'vitest'
import { didYouMean } from '../../src/errors/wording.ts'

describe('the nearest name', () => {
  const names = ['database', 'connectTimeout', 'user', 'userName', 'uid', 'encrypt']
  it.each([
    ['database', 'database'],
    ['DATABASE', 'database'],
    ['databse', 'database'],
    ['dtaabase', 'database'],
    ['databasse', 'database'],
    ['conectTimout', 'connectTimeout'],
    ['usr', 'user'],
    ['usre', 'user'],
    ['udi', 'uid'],
    ['usrname', 'userName'],
    ['incrypt', 'encrypt'],
    ['x', undefined],
    ['', undefined],
    ['id', undefined],
    ['something', undefined],
    ['timeout', undefined],
  ])('of %s is %s', (word, expected) => expect(didYouMean(word, names)).toBe(expected && `Did you mean ${expected}?`))
})
