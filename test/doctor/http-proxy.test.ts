import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkHttpProxy, explainUnreachable } from '../../src/doctor/http-proxy.ts'
import { privateEndpointWarning } from '../../src/doctor/reach.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { type Authority, startAuthority } from '../../src/testing/authority/authority.ts'

let entra: Authority
beforeAll(async () => {
  entra = await startAuthority()
})
afterAll(() => entra.close())

it('doctor names the proxy of token requests without its password', () => {
  const finding = checkHttpProxy({ https_proxy: 'http://me:geheim@proxy.test:8080', NO_PROXY: '169.254.169.254' })
  expect(finding).toMatchObject({ summary: 'token requests go through proxy.test:8080 (HTTPS_PROXY)', warnings: [] })
  expect(JSON.stringify(finding)).not.toContain('geheim')
  expect(checkHttpProxy({}).summary).toBe('none for token requests')
})

it('doctor reads proxyOptions before the environment', () => {
  const environment = { HTTPS_PROXY: 'http://other.test:1', NO_PROXY: '169.254.169.254' }
  const finding = checkHttpProxy(environment, { host: 'http://proxy.test', port: 8080, password: 'geheim' })
  expect(finding).toMatchObject({
    summary: 'token requests go through proxy.test:8080 (credentialOptions.proxyOptions)',
    warnings: [],
  })
  expect(JSON.stringify(finding)).not.toContain('geheim')
  expect(checkHttpProxy({}, { host: 'proxy.test', port: 8080 }).warnings?.[0]).toMatch(/proxyOptions holds no URL/)
})

const unreachable = new EntraError('TOKEN_REQUEST_FAILED', 'X could not get a token: endpoints_resolution_error: See …')
const { signal } = new AbortController()

it('doctor says nothing of TLS where the certificate is trusted, nothing answers, or the error is another', async () => {
  const { tlsOptions } = entra.clientOptions()
  expect(await explainUnreachable(unreachable, entra.authorityHost, signal, tlsOptions)).toBe(unreachable)
  expect(await explainUnreachable(unreachable, 'https://127.0.0.1:1', signal)).toBe(unreachable)
  const other = new EntraError('TOKEN_REQUEST_FAILED', 'AADSTS7000215')
  expect(await explainUnreachable(other, entra.authorityHost, signal)).toBe(other)
})

it.each<[string, string, string[], string[]]>([
  ['without one', 's.database.windows.net', ['cr1.database.windows.net'], ['20.1.2.3']],
  ['with private DNS', 's.database.windows.net', ['s.privatelink.database.windows.net'], ['10.0.0.4']],
])('doctor does not warn of a private endpoint at a server %s', (_, host, aliases, addresses) => {
  expect(privateEndpointWarning(host, aliases, addresses)).toEqual([])
})
