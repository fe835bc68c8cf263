import { describe, expect, it } from 'vitest'
import {
  CLIENT_RIGHTS,
  MIGRATE_RIGHTS,
  type Rights,
  type Row,
  rightsFinding,
  rightsQuery,
} from '../../src/doctor/database.ts'
import { checkClock, median } from '../../src/doctor/measure.ts'
import { expiryWarning } from '../../src/doctor/tls.ts'
import { tenantWarning, tokenDetails } from '../../src/doctor/token.ts'

describe('rights', () => {
  const finding = (row: Row, rights: Rights) => rightsFinding(row, rights, 'my]app', 'dbo')
  const all = { schema: 1, CONNECT: 1, SELECT: 1, INSERT: 1, UPDATE: 1, DELETE: 1 }

  it('are fine if all are granted', () => {
    const { value, details, warnings, error } = finding(all, CLIENT_RIGHTS)
    expect([value, details?.missing, warnings, error]).toEqual([true, [], undefined, undefined])
  })

  it('to write may be missing on purpose, so doctor only warns, and says how to grant them', () => {
    const { value, warnings, error } = finding({ ...all, INSERT: 0, DELETE: 0 }, CLIENT_RIGHTS)
    expect([value, error]).toEqual([true, undefined])
    expect(warnings).toEqual([
      expect.stringMatching(
        /"my\]app" has no right to INSERT, DELETE in the schema dbo[\s\S]*ALTER ROLE db_datawriter ADD MEMBER \[my\]\]app\];/,
      ),
    ])
  })

  it.each(['SELECT', 'CONNECT'])('fail without %s', (permission) => {
    const { value, error } = finding({ ...all, [permission]: 0 }, CLIENT_RIGHTS)
    expect(value).toBeUndefined()
    expect(error?.message).toMatch(/ALTER ROLE db_datareader ADD MEMBER/)
  })

  it('are missing if the server does not know them', () => {
    expect(finding({ ...all, SELECT: null }, CLIENT_RIGHTS).error).toBeDefined()
  })

  it('for migrations are only warned about', () => {
    const { value, warnings, summary } = finding({ schema: 1, 'CREATE TABLE': 0, ALTER: 0 }, MIGRATE_RIGHTS)
    expect(value).toBe(true)
    expect(summary).toBe('none of the rights')
    expect(warnings).toEqual([expect.stringMatching(/only runs queries needs none[\s\S]*ALTER ROLE db_ddladmin ADD/)])
  })

  it('are asked for with quoted names', () => {
    const query = rightsQuery(MIGRATE_RIGHTS, "o'clock")
    expect(query).toContain("HAS_PERMS_BY_NAME(QUOTENAME(N'o''clock'), 'SCHEMA', 'ALTER') AS [ALTER]")
    expect(query).toContain("HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'CREATE TABLE') AS [CREATE TABLE]")
  })
})

describe('a clock', () => {
  it.each([
    [0, 900, 'agrees with Entra ID, agrees with the server', 0],
    [undefined, -61_000, '61 s behind the server', 1],
    [90_400, undefined, '90 s ahead of Entra ID', 1],
  ])('that is %s ms ahead of Entra ID and %s ms ahead of the server: %s', (entra, database, summary, warnings) => {
    const outcome = checkClock(entra, database)
    expect(outcome.summary).toBe(summary)
    expect(outcome.warnings).toHaveLength(warnings)
  })
})

describe('a certificate', () => {
  const now = Date.UTC(2026, 0, 1)
  const DAY = 86_400_000
  it.each([
    [15 * DAY, undefined],
    [13 * DAY, /expires in 13 days/],
    [1, /expires in 0 days/],
    [-1, undefined],
    [Number.NaN, undefined],
  ])('that expires in %s ms is warned about only if that is soon', (left, warning) => {
    const warnings = expiryWarning(now + left, now)
    expect(warnings).toEqual(warning === undefined ? [] : [expect.stringMatching(warning)])
  })
})

describe('a token', () => {
  it('of a person says what they signed in with', () => {
    const claims = { upn: 'a@b.test', appid: '04B07795-8DDB-461A-BBEE-02F9E1BF7B46', iat: 1_700_000_000, exp: 1e300 }
    expect(tokenDetails(claims)).toMatchObject({
      principal: 'a@b.test',
      signedInWith: 'Azure CLI',
      issuedAt: '2023-11-14T22:13:20.000Z',
      expiresAt: undefined,
    })
  })

  it.each([
    ['AAAAAAAA-0000-4000-8000-000000000001', 'https://x.test/aaaaaaaa-0000-4000-8000-000000000001/', false],
    ['aaaaaaaa-0000-4000-8000-000000000002', 'https://x.test/aaaaaaaa-0000-4000-8000-000000000001/', true],
    ['aaaaaaaa-0000-4000-8000-000000000002', 'https://x.test/common', false],
    [undefined, 'https://x.test/aaaaaaaa-0000-4000-8000-000000000001/', false],
  ])('from tenant %s is judged by where the server says tokens come from: %s', (tid, stsUrl, warns) => {
    expect(tenantWarning({ tid }, stsUrl)).toHaveLength(warns ? 1 : 0)
  })
})

it('the median is the middle one, whatever the order', () => {
  expect(median([30, 1, 2.345])).toBe(2.345)
  expect(median([10, 9, 100])).toBe(10)
})
