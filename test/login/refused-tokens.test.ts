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
