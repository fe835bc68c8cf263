import { query } from './query'

it('signs in under Jest', async () => {
  expect(await query('jest')).toEqual({ found: 'jest', code: 'P1000', isEntraError: true })
})
