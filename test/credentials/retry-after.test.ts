import { describe, expect, it } from 'vitest'
import { isLasting, retryAfterOf } from '../../src/credentials/retry-after.ts'
import { EntraError } from '../../src/errors/entra-error.ts'

const now = Date.UTC(2026, 0, 1)
const restError = (status: number, headers: Record<string, string> = {}) =>
  Object.assign(new Error('rest'), {
    statusCode: status,
    response: { status, headers: new Map(Object.entries(headers)) },
  })

describe('Retry-After', () => {
  it.each([
    ['seconds', restError(429, { 'retry-after': '7' }), 7_000],
    ['milliseconds', restError(429, { 'retry-after-ms': '250' }), 250],
    ['a date', restError(503, { 'retry-after': new Date(now + 4_000).toUTCString() }), 4_000],
    ['a date that is past', restError(503, { 'retry-after': new Date(now - 4_000).toUTCString() }), 0],
    ['none', restError(503), undefined],
    ['nonsense', restError(503, { 'retry-after': 'soon' }), undefined],
    ['in a cause', new Error('outer', { cause: restError(429, { 'retry-after': '3' }) }), 3_000],
    ['in a part', new AggregateError([new Error('a'), restError(429, { 'retry-after': '3' })]), 3_000],
    ['not an error', 'text', undefined],
  ])('%s', (_, error, expected) => expect(retryAfterOf(error, now)).toBe(expected))
})

describe('a permanent failure', () => {
  const unavailable = Object.assign(new Error('no'), { name: 'CredentialUnavailableError' })
  it.each([
    ['a wrong secret', restError(401), true],
    ['a bad request', restError(400), true],
    ['no such credential here', unavailable, true],
    ['throttled', restError(429), false],
    ['a server error', restError(503), false],
    [
      'throttled, inside of an unavailable chain',
      Object.assign(new Error('x', { cause: unavailable }), { statusCode: 429 }),
      false,
    ],
    [
      'Entra’s refusal of a secret, as text',
      new Error('invalid_client: Error(s): 7000215 - Description: AADSTS7000215'),
      true,
    ],
    ['Entra’s own trouble, as text', new Error('temporarily_unavailable: Error(s): Not Available'), false],
    [
      'a managed identity endpoint in trouble',
      Object.assign(new Error('ManagedIdentityCredential: Authentication failed. Message temporarily_unavailable: x'), {
        name: 'CredentialUnavailableError',
      }),
      false,
    ],
    ['an error of our own that stays', new EntraError('DEPENDENCY_MISSING', 'npm install it'), true],
    ['an error of our own that passes', new EntraError('TOKEN_EXPIRED', 'stale'), false],
    ['several, all of which last', new AggregateError([unavailable, restError(401)]), true],
    ['several, one of which passes', new AggregateError([unavailable, restError(503), restError(401)]), false],
    [
      'several within one of several, one of which passes',
      new AggregateError([unavailable, new Error('x', { cause: new AggregateError([restError(429)]) })]),
      false,
    ],
    [
      'several whose message quotes one that lasts',
      Object.assign(new Error('none could:\n- invalid_client: wrong secret'), { errors: [restError(503)] }),
      false,
    ],
    ['a network error', Object.assign(new Error('ECONNRESET'), { code: 'ECONNRESET' }), false],
  ])('%s', (_, error, expected) => expect(isLasting(error)).toBe(expected))

  it('is recognized even in a cycle of causes', () => {
    const error: Error & { cause?: unknown } = new Error('a')
    error.cause = error
    expect(isLasting(error)).toBe(false)
    const several = new AggregateError([])
    several.errors.push(several)
    expect(isLasting(several)).toBe(false)
  })
})
