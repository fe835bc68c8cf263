import { expect, it } from 'vitest'
import type { IssueTokenOptions } from '../../src/testing/authority/options.ts'
import { throughGateway, thrownBy } from '../errors/provoke.ts'
import { useDatabase } from '../integration/database.ts'

const HOUR = 3_600_000

const db = useDatabase()

/** What the server's refusal of a token comes to. */
const refusalOf = (options: IssueTokenOptions, config: Parameters<typeof db.connect>[1] = {}) => {
  const credential = { getToken: () => db.azure.authority.issueToken(options) }
  return thrownBy(() => db.connect({ credential }, config).adapter.connect())
}

const refused = (message: RegExp, state: number) => ({
  code: 'P1000',
  message: expect.stringMatching(message),
  meta: { code: 'TOKEN_REFUSED', number: 18456, state },
})

it('a token for another audience is refused with both audiences named', async () => {
  expect(await refusalOf({ audience: 'https://management.azure.com/' })).toMatchObject(
    refused(
      /is for https:\/\/management\.azure\.com\/, but the server expects https:\/\/database\.windows\.net\/\./,
      1,
    ),
  )
})

it('a token that is not valid yet is refused with the time at which it becomes valid', async () => {
  const notBefore = Date.now() + HOUR
  const at = new Date(Math.floor(notBefore / 1000) * 1000).toISOString()
  expect(await refusalOf({ notBefore, lifetime: 2 * HOUR })).toMatchObject(
    refused(
      new RegExp(
        `not valid yet: it is valid from ${at}, 3[56]\\d\\d s from now .*Synchronize this machine's clock`,
        's',
      ),
      1,
    ),
  )
})

it('a token of another tenant is refused with that tenant, and how to find the right one', async () => {
  const claims = { iss: 'https://sts.windows.net/somewhere-else/', tid: 'somewhere-else' }
  expect(await refusalOf({ claims })).toMatchObject(
    refused(/token's tenant \(somewhere-else\) is not the server's.*tenantId.*az sql server ad-admin list/s, 1),
  )
})

it('a token that expired earlier than the credential said is refused with its expiry', async () => {
  const exp = Math.floor(Date.now() / 1000) - 90
  const credential = {
    async getToken() {
      const { token } = await db.azure.authority.issueToken({ claims: { exp } })
      return { token, expiresOnTimestamp: Date.now() + HOUR }
    },
  }
  expect(await thrownBy(() => db.connect({ credential }).adapter.connect())).toMatchObject(
    refused(/Token is expired\..*has expired, at .*, \d+ s ago\..*kept this one for too long/s, 233),
  )
})

it('a token that has expired only by the server’s clock shows how far this machine’s clock is behind', async () => {
  const clock = {
    now: () => Date.now() + 2 * HOUR,
    monotonic: () => performance.now(),
    setTimer: () => ({ cancel() {} }),
  }
  const credential = { getToken: () => db.azure.authority.issueToken({ lifetime: HOUR }) }
  const thrown = await throughGateway(db, { clock }, (port, ca) =>
    thrownBy(() =>
      db.connect({ credential }, { port, options: { cryptoCredentialsDetails: { ca } } }).adapter.connect(),
    ),
  )
  expect(thrown).toMatchObject(refused(/this clock is at least 3[56]\d\d s behind/, 233))
})

it('a token that cannot be verified is refused with its issuer', async () => {
  const credential = {
    async getToken() {
      const { token, ...times } = await db.azure.authority.issueToken()
      return { token: `${token.slice(0, -6)}AAAAAA`, ...times }
    },
  }
  expect(await thrownBy(() => db.connect({ credential }).adapter.connect())).toMatchObject(
    refused(/could not verify the token, which https:\/\/sts\.windows\.net\/.* issued/, 1),
  )
})

it('a text that is not a token is refused', async () => {
  const credential = { getToken: async () => ({ token: 'nonsense', expiresOnTimestamp: Date.now() + HOUR }) }
  expect(await thrownBy(() => db.connect({ credential }).adapter.connect())).toMatchObject(
    refused(/is not a JSON Web Token/, 1),
  )
})

it.each<[string, IssueTokenOptions, RegExp]>([
  [
    'a managed identity of its own',
    { principal: 'local-identity' },
    /CREATE USER \[local-identity\] FROM EXTERNAL PROVIDER;/,
  ],
  ['a person', { principal: 'person@local.test' }, /ADD MEMBER \[person@local\.test\];/],
  [
    'an application whose name the token does not say',
    { principal: 'local-service' },
    /the application 7e4a.*CREATE USER \[NAME\].*az ad sp show --id 7e4a0000-0000-4000-8000-0000000c1130 --query displayName/s,
  ],
  [
    'an application that has one',
    { principal: 'local-service', claims: { app_displayname: 'my ]app' } },
    /\[my \]\]app\]/,
  ],
  [
    'a deployment slot',
    { claims: { xms_mirid: '/subscriptions/1/resourcegroups/g/providers/Microsoft.Web/sites/web/slots/staging' } },
    /CREATE USER \[web\/slots\/staging\]/,
  ],
])('an unknown principal’s error names %s in the T-SQL that creates its user', async (_, options, message) => {
  await throughGateway(db, { principals: {} }, async (port, ca) => {
    expect(await refusalOf(options, { port, options: { cryptoCredentialsDetails: { ca } } })).toMatchObject({
      code: 'P1010',
      meta: { code: 'PRINCIPAL_UNKNOWN', number: 18456 },
      message: expect.stringMatching(message),
    })
  })
})
