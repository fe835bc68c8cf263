import { describe, expect, it } from 'vitest'
import { endsSoon } from '../../src/doctor/certificate.ts'
import { judgeClock } from '../../src/doctor/clock.ts'
import { median } from '../../src/doctor/latency.ts'
import { CLIENT_RIGHTS, judgeRights, MIGRATE_RIGHTS, rightsQuery } from '../../src/doctor/rights.ts'
import { otherTenant, tokenDetails } from '../../src/doctor/token-holder.ts'

describe('rights', () => {
  const who = { user: 'my]app', schema: 'dbo' }
  const all = { schema: 1, CONNECT: 1, SELECT: 1, INSERT: 1, UPDATE: 1, DELETE: 1 }

  it('that are all there are well', () => {
    const outcome = judgeRights(all, CLIENT_RIGHTS, who)
    expect(outcome).toMatchObject({ value: true, details: { missing: [] } })
    expect(outcome.warnings).toBeUndefined()
    expect(outcome.error).toBeUndefined()
  })

  it('to write may be missing on purpose: a warning, with what gives them', () => {
    const { value, warnings, error } = judgeRights({ ...all, INSERT: 0, DELETE: 0 }, CLIENT_RIGHTS, who)
    expect([value, error]).toEqual([true, undefined])
    expect(warnings).toEqual([
      expect.stringMatching(
        /"my\]app" has no right to INSERT, DELETE in the schema dbo[\s\S]*ALTER ROLE db_datawriter ADD MEMBER \[my\]\]app\];/,
      ),
    ])
  })

  it.each(['SELECT', 'CONNECT'])('without %s nothing works', (permission) => {
    const { value, error } = judgeRights({ ...all, [permission]: 0 }, CLIENT_RIGHTS, who)
    expect(value).toBeUndefined()
    expect(error?.message).toMatch(/ALTER ROLE db_datareader ADD MEMBER/)
  })

  it('that the server knows nothing of are missing', () => {
    expect(judgeRights({ ...all, SELECT: null }, CLIENT_RIGHTS, who).error).toBeDefined()
  })

  it('of migrations are only warned of', () => {
    const { value, warnings, summary } = judgeRights({ schema: 1, 'CREATE TABLE': 0, ALTER: 0 }, MIGRATE_RIGHTS, who)
    expect(value).toBe(true)
    expect(summary).toBe('none of the rights')
    expect(warnings).toEqual([expect.stringMatching(/only runs queries needs none[\s\S]*ALTER ROLE db_ddladmin ADD/)])
  })

  it('are asked for with names that are quoted', () => {
    const query = rightsQuery(MIGRATE_RIGHTS, "o'clock")
    expect(query).toContain("HAS_PERMS_BY_NAME(QUOTENAME(N'o''clock'), 'SCHEMA', 'ALTER') AS [ALTER]")
    expect(query).toContain("HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'CREATE TABLE') AS [CREATE TABLE]")
  })
})

describe('clocks', () => {
  it.each([
    [{ entra: 0, database: 900 }, 'as Entra ID has it, as the server has it', 0],
    [{ entra: undefined, database: -61_000 }, '61 s behind the server', 1],
    [{ entra: 90_400, database: undefined }, '90 s ahead of Entra ID', 1],
  ])('%o', (skews, summary, warnings) => {
    const outcome = judgeClock(skews)
    expect(outcome.summary).toBe(summary)
    expect(outcome.warnings).toHaveLength(warnings)
  })
})

describe('a certificate', () => {
  const now = Date.UTC(2026, 0, 1)
  const facts = { subject: '', issuer: '', short: '', names: [] }
  const DAY = 86_400_000
  it.each([
    [15 * DAY, undefined],
    [13 * DAY, /ends in 13 days/],
    [1, /ends in 0 days/],
    [-1, undefined],
    [Number.NaN, undefined],
  ])('that ends in %s ms', (left, warning) => {
    const found = endsSoon({ ...facts, validTo: now + left }, now)
    if (warning === undefined) expect(found).toBeUndefined()
    else expect(found).toMatch(warning)
  })
})

describe('a token', () => {
  it('of a person says by what they signed in', () => {
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
  ])('of the tenant %s, where tokens come from %s', (tid, stsUrl, warns) => {
    expect(otherTenant({ tid }, stsUrl) !== undefined).toBe(warns)
  })
})

it('the median is the middle one, whatever the order', () => {
  expect(median([30, 1, 2.345])).toBe(2.35)
  expect(median([10, 9, 100])).toBe(10)
})
