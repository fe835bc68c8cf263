import { describe, expect, it } from 'vitest'
import { nearest } from '../../src/config/nearest.ts'

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
  ])('of %s is %s', (word, expected) => expect(nearest(word, names)).toBe(expected))
})
