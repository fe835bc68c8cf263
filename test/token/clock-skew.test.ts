import { describe, expect, it } from 'vitest'
import { claimsOf } from '../../src/credentials/claims.ts'
import { clockSkew } from '../../src/token/lease.ts'

const now = Date.UTC(2026, 0, 1)
const minute = 60_000
const hour = 60 * minute
const inSeconds = (time: number) => time / 1000

describe('the clock skew that a new token reveals', () => {
  it.each([
    ['none where both clocks agree', { exp: now + hour }, now + hour, undefined],
    ['none within a minute', { exp: now + hour - minute }, now + hour, undefined],
    ['a local clock that is ahead', { exp: now - 3 * hour }, now + hour, 4 * hour],
    ['a local clock that is behind', { exp: now + 5 * hour }, now + hour, -4 * hour],
    ['a local clock that is behind, by nbf', { exp: now + 3 * hour, nbf: now + 2 * hour }, now + 3 * hour, -2 * hour],
    ['a local clock that is behind, by iat', { exp: now + 3 * hour, iat: now + 2 * hour }, now + 3 * hour, -2 * hour],
    ['a local clock that is ahead, and a new token', { exp: now - hour, nbf: now - 2 * hour }, now + hour, 2 * hour],
    ['one that is ahead, and a token that Entra dates back', { exp: now, nbf: now - 65 * minute }, now + hour, hour],
    ['one that is behind, and a new token', { exp: now + 3 * hour, iat: now + 2 * hour }, now + hour, -2 * hour],
    ['none where only the expiry is wrong, and too late', { exp: now + hour, iat: now }, now + 3 * hour, undefined],
    ['none where only the expiry is wrong, and too early', { exp: now + 3 * hour, iat: now }, now + hour, undefined],
    ['none by an nbf that is past', { exp: now + hour, nbf: now - 5 * minute }, now + hour, undefined],
    ['none without times', {}, now + hour, undefined],
  ])('%s', (_, times, expiresOn, skew) => {
    const claims = Object.fromEntries(Object.entries(times).map(([name, time]) => [name, inSeconds(time)]))
    expect(clockSkew(claims, expiresOn, now)).toBe(skew)
  })
})

describe('the claims of a token', () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

  it('are read from a JSON Web Token', () => {
    expect(claimsOf(`${encode({ alg: 'RS256' })}.${encode({ oid: 'x', name: 'Zoë' })}.signature`)).toEqual({
      oid: 'x',
      name: 'Zoë',
    })
  })

  it.each(['', 'opaque', 'a.b', 'a.b.c', `x.${encode('text')}.y`, `x.${encode(null)}.y`])(
    'are not there where it is none: %s',
    (token) => expect(claimsOf(token)).toBeUndefined(),
  )
})
