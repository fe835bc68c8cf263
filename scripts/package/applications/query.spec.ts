import { query } from './query'

it('signs in under Jest', async () => {
  expect(await query('jest')).toEqual({ found: 'jest', code: 'P1000', isEntraError: true })
  // A busy machine loads what signs in for longer than Jest's 5 s.
}, 240_000)
