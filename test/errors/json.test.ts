import { expect, it } from 'vitest'
import { prismaError } from '../../src/errors/prisma-error.ts'
import { EntraError } from '../../src/index.ts'

const shown = (value: unknown) => JSON.parse(JSON.stringify(value))

/** As a RestError: its request holds what nobody may see. */
const underneath = Object.assign(new Error('connect ECONNREFUSED', { cause: new Error('no route') }), {
  code: 'ECONNREFUSED',
  request: { headers: { authorization: 'Bearer geheim' } },
})

it('JSON.stringify of an error has message, code, number, state and what the causes say, and nothing else', () => {
  const error = new EntraError('LOGIN_FAILED', 'Refused.', { cause: underneath, number: 18470, state: 1 })
  expect(shown(error)).toEqual({
    name: 'EntraError',
    code: 'LOGIN_FAILED',
    message: error.message,
    number: 18470,
    state: 1,
    cause: {
      name: 'Error',
      code: 'ECONNREFUSED',
      message: 'connect ECONNREFUSED',
      cause: { name: 'Error', message: 'no route' },
    },
  })
})

it('JSON.stringify of an event has its error, with each of several causes', () => {
  const error = new EntraError('CREDENTIALS_FAILED', 'None.', { errors: [underneath, 'thrown text'] })
  const event = { type: 'token.refresh-failed', at: 1, error, attempt: 1, retryInMs: 1 }
  expect(shown(event).error).toMatchObject({
    code: 'CREDENTIALS_FAILED',
    errors: [{ message: 'connect ECONNREFUSED' }, 'thrown text'],
  })
  expect(JSON.stringify(event)).not.toContain('geheim')
})

it('JSON.stringify of an error in Prisma’s form has both codes', () => {
  const error = new EntraError('FIREWALL', 'Blocked.', { number: 40615, cause: underneath })
  expect(shown(prismaError(error))).toMatchObject({
    code: 'P1001',
    message: error.message,
    meta: { code: 'FIREWALL', number: 40615 },
    cause: { code: 'FIREWALL', cause: { code: 'ECONNREFUSED' } },
  })
})

it('JSON.stringify of an error ends if its causes form a cycle', () => {
  const error: Error & { cause?: unknown } = new Error('a')
  error.cause = error
  expect(JSON.stringify(new EntraError('CLOSED', 'Closed.', { cause: error }))).toContain('"message":"a"')
})
