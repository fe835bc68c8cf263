import { describe, expect, it } from 'vitest'
import type { Claims } from '../../src/credentials/claims.ts'
import { createUser, principalName } from '../../src/login/principal.ts'
import { loginRefused } from '../../src/login/refusals.ts'

const NOW = Date.UTC(2026, 0, 1)
const CLIENT_ID = '00112233-4455-6677-8899-aabbccddeeff'
const OBJECT_ID = '12345678-9abc-def0-0123-456789abcdef'
const claimsOf = (claims: Claims = {}): Claims => ({
  aud: 'https://database.windows.net/',
  nbf: NOW / 1000 - 300,
  exp: NOW / 1000 + 3600,
  idtyp: 'user',
  upn: 'ann@contoso.com',
  oid: OBJECT_ID,
  appid: CLIENT_ID,
  ...claims,
})

/** What is made of a refusal, with a clock that is ahead by so many ms. */
function refusalOf({ why, ahead }: { why: string; ahead: number }): { code: string; message: string } {
  const message = `Login failed for user '<token-identified principal>'.${why}`
  const audience = 'https://database.windows.net/'
  const context = { server: 'sql.example.test', database: 'app', audience, claims: claimsOf(), now: NOW + ahead }
  return loginRefused({ number: 18456, state: 1, message }, context)
}

it('a token that the server calls invalid is not reported as expired, whatever this clock says', () => {
  const { code, message } = refusalOf({ why: ' Incorrect or invalid token.', ahead: 2 * 3_600_000 })
  expect(code).toBe('TOKEN_REFUSED')
  expect(message).toMatch(/could not verify the token/)
})

it('a token of another tenant is reported as that, whatever this clock says', () => {
  const why = ' The server is not currently configured to accept this token.'
  expect(refusalOf({ why, ahead: 2 * 3_600_000 }).message).toMatch(/The token's tenant .*is not the server's/)
})

it.each<[string, Claims, string | undefined]>([
  ['a guest', { upn: 'bob_smith_fabrikam.com#EXT#@contoso.onmicrosoft.com' }, 'bob_smith@fabrikam.com'],
  ['a guest with a Microsoft account', { upn: undefined, unique_name: 'live.com#bob@outlook.com' }, 'bob@outlook.com'],
  ['a member', { upn: 'a_b@contoso.com' }, 'a_b@contoso.com'],
  ['an application with a # in its name', { upn: undefined, app_displayname: 'c#app@x' }, 'c#app@x'],
])('%s has the name that the database knows', (_, claims, name) => {
  expect(principalName(claimsOf(claims))).toBe(name)
})

describe('the T-SQL that creates a user', () => {
  it('has a line for each of the first groups, and none to a principal that is in none', () => {
    const groups = [1, 2, 3, 4].map((digit) => OBJECT_ID.replace('1', `${digit}`))
    const sql = createUser(claimsOf({ groups: [...groups, 'no id'] }))
    expect(sql.match(/TYPE = X; -- .*/g)).toEqual(groups.slice(0, 3).map((id) => `TYPE = X; -- ${id}`))
    expect(createUser(claimsOf())).not.toContain('GROUP')
    expect(createUser(claimsOf({ groups: ['no id'] }))).not.toContain('GROUP')
  })

  it('has no SID without an id', () => {
    expect(createUser(claimsOf({ oid: undefined }))).not.toContain('SID')
    expect(createUser(undefined)).not.toContain('SID')
  })
})
