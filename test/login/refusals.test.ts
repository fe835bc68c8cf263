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
function refusalOf({ why = '', claims = {}, ahead = 0, server = 'sql.example.test' }): {
  code: string
  message: string
} {
  const message = `Login failed for user '<token-identified principal>'.${why}`
  const audience = 'https://database.windows.net/'
  const context = { server, database: 'app', audience, claims: claimsOf(claims), now: NOW + ahead }
  return loginRefused({ number: 18456, state: 1, message }, context)
}

describe('a refusal without a reason', () => {
  it('is a missing user only as the likely cause', () => {
    const { code, message } = refusalOf({})
    expect(code).toBe('PRINCIPAL_UNKNOWN')
    expect(message).toMatch(/gives no reason\. Most likely "ann@contoso\.com" has no user in the database "app"/)
    expect(message).not.toMatch(/clock|token is (good|valid)/)
  })

  it.each([
    [2 * 3_600_000, /the token expired 3600 s ago, but the server did not object: the clock is probably ahead/],
    [
      -3_600_000,
      /the token is not valid for another 3300 s, but the server did not object: the clock is probably behind/,
    ],
  ])('is a missing user too where this clock is %s ms ahead, with a word on the clock', (ahead, note) => {
    const { code, message } = refusalOf({ ahead })
    expect(code).toBe('PRINCIPAL_UNKNOWN')
    expect(message).toMatch(/CREATE USER \[ann@contoso\.com\]/)
    expect(message).toMatch(note)
    expect(message).not.toMatch(/The token has expired|not valid yet/)
  })

  it('is about the permission on the item in Fabric, not about a user', () => {
    const { code, message } = refusalOf({ server: 'x.database.fabric.microsoft.com' })
    expect(code).toBe('PRINCIPAL_UNKNOWN')
    expect(message).toMatch(/Read permission.*Service principals can use Fabric APIs/)
    expect(message).not.toMatch(/CREATE USER \[/)
  })
})

it('a token that the server calls invalid is not called expired, whatever this clock says', () => {
  const { code, message } = refusalOf({ why: ' Incorrect or invalid token.', ahead: 2 * 3_600_000 })
  expect(code).toBe('TOKEN_REFUSED')
  expect(message).toMatch(/could not verify the token/)
})

it('a token of another tenant is called that, whatever this clock says', () => {
  const why = ' The server is not currently configured to accept this token.'
  expect(refusalOf({ why, ahead: 2 * 3_600_000 }).message).toMatch(/The token's tenant .*is not the server's/)
})

it('a server that requires a later TLS version gets encrypt=strict as a remedy', () => {
  const context = { server: 's', database: 'app', audience: '', claims: undefined, now: NOW }
  const { code, message } = loginRefused({ number: 47072, state: 1, message: 'TLS' }, context)
  expect(code).toBe('TLS_FAILED')
  expect(message).toMatch(/requires TLS 1\.3, set encrypt=strict/)
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
  it('has the object id of a person as SID', () => {
    expect(createUser(claimsOf())).toContain(
      'CREATE USER [ann@contoso.com] WITH SID = 0x78563412BC9AF0DE0123456789ABCDEF, TYPE = E;',
    )
  })

  it('has the client id of an application as SID, and says how to find its name', () => {
    const sql = createUser(claimsOf({ idtyp: 'app', upn: undefined }))
    expect(sql).toContain('CREATE USER [NAME] WITH SID = 0x33221100554477668899AABBCCDDEEFF, TYPE = E;')
    expect(sql).toContain(`az ad sp show --id ${CLIENT_ID} --query displayName`)
  })

  it('mentions a group only to a principal that is in one', () => {
    expect(createUser(claimsOf({ groups: [OBJECT_ID] }))).toContain('A user for a group that it belongs to works too')
    expect(createUser(claimsOf())).not.toContain('group')
  })

  it('has no SID without an id', () => {
    expect(createUser(claimsOf({ oid: undefined }))).not.toContain('SID')
    expect(createUser(undefined)).not.toContain('SID')
  })
})
