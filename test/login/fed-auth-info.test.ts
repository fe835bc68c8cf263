import { afterAll, beforeAll, expect, it } from 'vitest'
import { tenantOfServer, tenantOfSts } from '../../src/login/fed-auth-info.ts'
import type { Target } from '../../src/login/target.ts'
import { type Authority, startAuthority } from '../../src/testing/authority/authority.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../../src/testing/gateway/gateway.ts'
import { systemClock } from '../../src/time/clock.ts'

const TENANT = '11111111-2222-3333-4444-555555555555'

let authority: Authority
const gateways: Gateway[] = []
beforeAll(async () => {
  authority = await startAuthority()
})
afterAll(async () => {
  await Promise.all([authority, ...gateways].map((each) => each.close()))
})

/** A gateway whose upstream is never reached, since nobody logs in. */
async function start(stsUrl: string, options: Partial<GatewayOptions> = {}): Promise<[Gateway, Target]> {
  const upstream = { host: '127.0.0.1', port: 1, user: 'sa', password: 'x' }
  const { verification } = authority
  const gateway = await startGateway({ upstream, verification, fedAuthInfo: { stsUrl }, ...options })
  gateways.push(gateway)
  const trust = { encrypt: true, trustServerCertificate: false, tls: { ca: gateway.ca } }
  return [gateway, { host: 'localhost', port: gateway.port, connectTimeout: 60_000, ...trust }]
}

it.each<[string, Partial<GatewayOptions>]>([
  ['a server', {}],
  ['the server that it is redirected to', { redirect: { at: 'login7' } }],
])('the tenant is what %s says, and is asked for once', async (_, options) => {
  const [gateway, target] = await start(`https://login.windows.net/${TENANT}/`, options)
  expect(await tenantOfServer(target, systemClock)).toBe(TENANT)
  const { connections } = gateway.stats()
  expect(await Promise.all([1, 2].map(() => tenantOfServer(target, systemClock)))).toEqual([TENANT, TENANT])
  expect(gateway.stats()).toMatchObject({ connections, logins: 0, loginFailures: {} })
})

it('a server that could not be asked is asked again', async () => {
  const [gateway, target] = await start(`https://login.windows.net/${TENANT}/`)
  gateway.inject({ at: 'prelogin', action: { drop: true }, times: 1 })
  await expect(tenantOfServer(target, systemClock)).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
  expect(await tenantOfServer(target, systemClock)).toBe(TENANT)
})

it('a server that names no tenant gives an error that says what to set', async () => {
  const [, target] = await start('https://login.windows.net/common')
  await expect(tenantOfServer(target, systemClock)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/neither tenantId nor AZURE_TENANT_ID is set.*Set tenantId/),
  })
})

it.each([
  [`https://sts.windows.net/${TENANT.toUpperCase()}/`, TENANT],
  [`https://login.microsoftonline.us/${TENANT}`, TENANT],
  ['https://login.windows.net/common', undefined],
  ['', undefined],
])('the tenant of %s is %s', (stsUrl, tenant) => {
  expect(tenantOfSts(stsUrl)).toBe(tenant)
})
