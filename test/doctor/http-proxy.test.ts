import { afterAll, beforeAll, expect, it } from 'vitest'
import { entraRemedy } from '../../src/credentials/failures.ts'
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

it.each([
  [{ HTTPS_PROXY: 'proxy.test' }, /HTTPS_PROXY is not a URL/],
  [{ HTTP_PROXY: 'http://p:1', NO_PROXY: 'localhost' }, /NO_PROXY does not name 169\.254\.169\.254/],
  [{ ALL_PROXY: 'http://p:1', NO_PROXY: '10.0.0.0/8,*.test' }, /10\.0\.0\.0\/8, \*\.test has no effect/],
])('doctor warns of %o', (environment, warning) => {
  expect(checkHttpProxy(environment).warnings?.join('\n')).toMatch(warning)
})

const unreachable = new EntraError('TOKEN_REQUEST_FAILED', 'X could not get a token: endpoints_resolution_error: See …')
const { signal } = new AbortController()

it('doctor says that TLS to Entra ID is inspected where its certificate is not trusted', async () => {
  const explained = await explainUnreachable(unreachable, entra.authorityHost, signal)
  expect(explained).toMatchObject({
    code: 'TOKEN_REQUEST_FAILED',
    message: expect.stringMatching(/is not trusted here \([A-Z_]+\).*inspects TLS.*NODE_EXTRA_CA_CERTS/s),
  })
})

it('doctor says nothing of TLS where the certificate is trusted, nothing answers, or the error is another', async () => {
  const { tlsOptions } = entra.clientOptions()
  expect(await explainUnreachable(unreachable, entra.authorityHost, signal, tlsOptions)).toBe(unreachable)
  expect(await explainUnreachable(unreachable, 'https://127.0.0.1:1', signal)).toBe(unreachable)
  const other = new EntraError('TOKEN_REQUEST_FAILED', 'AADSTS7000215')
  expect(await explainUnreachable(other, entra.authorityHost, signal)).toBe(other)
})

it.each([
  [
    'Multiple user assigned identities exist, please specify the clientId / resourceId',
    /several identities.*clientId=…/,
  ],
  ['request failed: self-signed certificate in certificate chain', /NODE_EXTRA_CA_CERTS/],
  ['endpoints_resolution_error: See …', /HTTPS_PROXY.*NODE_EXTRA_CA_CERTS/],
])('a token request that fails with "%s" has a remedy', (text, remedy) => {
  expect(entraRemedy(text)).toMatch(remedy)
})

it.each<[string, string, string[], string[], RegExp | undefined]>([
  ['without one', 's.database.windows.net', ['cr1.database.windows.net'], ['20.1.2.3'], undefined],
  ['with private DNS', 's.database.windows.net', ['s.privatelink.database.windows.net'], ['10.0.0.4'], undefined],
  [
    'with public DNS',
    's.database.windows.net',
    ['s.privatelink.database.windows.net'],
    ['20.1.2.3'],
    /public address here \(20\.1\.2\.3\).*zone privatelink\.database\.windows\.net/,
  ],
  ['by its alias', 's.privatelink.database.windows.net', [], ['10.0.0.4'], /Connect by s\.database\.windows\.net:/],
])('a server %s is told from the others by private endpoint', (_, host, aliases, addresses, warning) => {
  const warnings = privateEndpointWarning(host, aliases, addresses)
  expect(warnings).toEqual(warning === undefined ? [] : [expect.stringMatching(warning)])
})
