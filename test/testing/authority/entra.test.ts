import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClientCertificateCredential, ClientSecretCredential, WorkloadIdentityCredential } from '@azure/identity'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Authority, startAuthority } from '../../../src/testing/authority/authority.ts'
import { defaultPrincipals, type Principal } from '../../../src/testing/authority/principals.ts'
import { createCertificateAuthority, type KeyAndCertificate } from '../../../src/x509/certificates.ts'
import { send, setEnvironment, verify } from './support.ts'

const SQL = 'https://database.windows.net/.default'
const NOBODY = '00000000-0000-4000-8000-000000000000'

let authority: Authority
let service: Principal
let certified: Principal
let client: KeyAndCertificate
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'entra-test-'))
  const certificates = await createCertificateAuthority()
  client = await certificates.issue({ hosts: ['certified-service'], keyType: 'rsa' })
  const principals = defaultPrincipals()
  const [any] = principals
  if (any === undefined) throw new Error('no principals')
  certified = {
    kind: 'application',
    name: 'certified-service',
    clientId: '7e4a0000-0000-4000-8000-0000000c1150',
    objectId: '7e4a0000-0000-4000-8000-00000000b150',
    tenantId: any.tenantId,
    certificate: client.certificate,
  }
  authority = await startAuthority({ principals: [...principals, certified], certificateAuthority: certificates })
  service = authority.principal('local-service')
})
afterEach(() => {
  authority.clearFaults()
  authority.tokenLifetime = 3_600_000
})
afterAll(async () => {
  await authority.close()
  rmSync(folder, { recursive: true })
})

/** Without retries: `@azure/identity` would take seconds over each error. */
function options() {
  return { ...authority.clientOptions(), retryOptions: { maxRetries: 0 } }
}

function secretCredential(secret = service.secret ?? '', clientId = service.clientId, tenantId = service.tenantId) {
  return new ClientSecretCredential(tenantId, clientId, secret, options())
}

describe('ClientSecretCredential', () => {
  test('signs in', async () => {
    const { token, expiresOnTimestamp } = await secretCredential().getToken(SQL)
    const { payload } = await verify(authority, token)
    expect(payload).toMatchObject({ appid: service.clientId, appidacr: '1', oid: service.objectId, idtyp: 'app' })
    expect(payload).not.toHaveProperty('xms_mirid')
    expect(expiresOnTimestamp).toBeLessThanOrEqual((payload.exp ?? 0) * 1000)
  })

  test('gets the refresh time of a one-day token', async () => {
    authority.tokenLifetime = 24 * 3_600_000
    const { expiresOnTimestamp, refreshAfterTimestamp = 0 } = await secretCredential().getToken(SQL)
    expect(Math.abs(expiresOnTimestamp - refreshAfterTimestamp - 12 * 3_600_000)).toBeLessThan(10_000)
  })

  test('is refused with a wrong secret, as an unknown application, and in an unknown tenant', async () => {
    await expect(secretCredential('wrong').getToken(SQL)).rejects.toThrow('AADSTS7000215')
    await expect(secretCredential('any', NOBODY).getToken(SQL)).rejects.toThrow('AADSTS700016')
    await expect(secretCredential('any', NOBODY, NOBODY).getToken(SQL)).rejects.toThrow('endpoints_resolution_error')
  })

  test('does not trust the authority without its certificate', async () => {
    const { tlsOptions: _, ...untrusting } = options()
    const credential = new ClientSecretCredential(service.tenantId, service.clientId, service.secret ?? '', untrusting)
    authority.resetStats()
    await expect(credential.getToken(SQL)).rejects.toThrow('endpoints_resolution_error')
    expect(authority.stats().requests).toBe(0)
  })

  test('sends no request for a minute after a 429, because MSAL remembers it', async () => {
    const credential = secretCredential()
    const fault = authority.inject({
      status: 429,
      times: 1,
      body: { error: 'throttled', error_description: 'Slow down' },
    })
    await expect(credential.getToken(SQL)).rejects.toThrow('Slow down')
    authority.resetStats()
    await expect(credential.getToken(SQL)).rejects.toThrow('Slow down')
    expect(fault.hits).toBe(1)
    expect(authority.stats().requests).toBe(0)
  })
})

describe('WorkloadIdentityCredential', () => {
  test('signs in with the file that the environment names', async () => {
    setEnvironment(authority.environment('workload-identity'))
    const { token } = await new WorkloadIdentityCredential(options()).getToken(SQL)
    expect((await verify(authority, token)).payload).toMatchObject({ appid: service.clientId, appidacr: '1' })
  })

  test('signs in a user-assigned identity', async () => {
    const { clientId, tenantId } = authority.principal('local-identity')
    const tokenFilePath = join(folder, 'identity')
    await authority.writeFederatedToken(tokenFilePath, { principal: 'local-identity' })
    const credential = new WorkloadIdentityCredential({ ...options(), clientId, tenantId, tokenFilePath })
    expect(decodeJwt((await credential.getToken(SQL)).token).appid).toBe(clientId)
  })

  test.each([
    ['AADSTS700024', { lifetime: -1_000 }],
    ['AADSTS700024', { claims: { nbf: 4_000_000_000, exp: 4_000_000_100 } }],
    ['AADSTS700211', { claims: { iss: 'https://somebody.else.test/' } }],
    ['AADSTS700212', { claims: { aud: 'api://else' } }],
    ['AADSTS700213', { principal: 'local-identity' }],
  ])('is refused with %s for %j', async (code, written) => {
    const tokenFilePath = join(folder, 'refused')
    await authority.writeFederatedToken(tokenFilePath, written)
    const { clientId, tenantId } = service
    const credential = new WorkloadIdentityCredential({ ...options(), clientId, tenantId, tokenFilePath })
    await expect(credential.getToken(SQL)).rejects.toThrow(code)
  })

  test('is refused with a token that another issuer signed, and with a text that is not a token', async () => {
    const other = await startAuthority()
    const { clientId, tenantId } = service
    const forged = join(folder, 'forged')
    await other.writeFederatedToken(forged)
    await other.close()
    const nonsense = join(folder, 'nonsense')
    writeFileSync(nonsense, 'not a token')
    for (const [tokenFilePath, code] of [
      [forged, 'AADSTS700027'],
      [nonsense, 'AADSTS50027'],
    ] as const) {
      const credential = new WorkloadIdentityCredential({ ...options(), clientId, tenantId, tokenFilePath })
      await expect(credential.getToken(SQL)).rejects.toThrow(code)
    }
  })
})

describe('ClientCertificateCredential', () => {
  test('signs in with the certificate of the application', async () => {
    const pem = { certificate: `${client.key}${client.certificate}` }
    const credential = new ClientCertificateCredential(certified.tenantId, certified.clientId, pem, options())
    const { token } = await credential.getToken(SQL)
    expect((await verify(authority, token)).payload).toMatchObject({ appid: certified.clientId, appidacr: '2' })
  })

  test('is refused with another certificate, and if the application has none', async () => {
    const other = await (await createCertificateAuthority()).issue({ hosts: ['other'], keyType: 'rsa' })
    const pem = { certificate: `${other.key}${other.certificate}` }
    for (const { tenantId, clientId } of [certified, service]) {
      const credential = new ClientCertificateCredential(tenantId, clientId, pem, options())
      await expect(credential.getToken(SQL)).rejects.toThrow('AADSTS700027')
    }
  })
})

describe('Entra ID’s endpoints', () => {
  function ask(form: Record<string, string>, tenant = service.tenantId) {
    return send(authority, `/${tenant}/oauth2/v2.0/token`, form)
  }
  const good = () => ({
    grant_type: 'client_credentials',
    client_id: service.clientId,
    client_secret: service.secret ?? '',
    scope: SQL,
  })

  test('issue a token like Entra ID', async () => {
    const { status, body } = await ask(good())
    expect(status).toBe(200)
    expect(body).toEqual({
      token_type: 'Bearer',
      expires_in: expect.toSatisfy((value) => value === 3599 || value === 3600),
      ext_expires_in: expect.any(Number),
      access_token: expect.stringMatching(/^eyJ/),
    })
  })

  test('refuse with the complete error body', async () => {
    const { status, body } = await ask({ ...good(), client_secret: 'wrong' })
    expect(status).toBe(401)
    expect(body).toEqual({
      error: 'invalid_client',
      error_description: expect.stringMatching(
        /^AADSTS7000215: Invalid client secret provided\..* Trace ID: \S{36} Correlation ID: \S{36} Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/,
      ),
      error_codes: [7000215],
      timestamp: expect.stringMatching(/Z$/),
      trace_id: expect.any(String),
      correlation_id: expect.any(String),
      error_uri: `${authority.authorityHost}/error?code=7000215`,
    })
  })

  test.each([
    [400, 'invalid_request', 900144, { client_id: '' }],
    [400, 'unsupported_grant_type', 70003, { grant_type: 'password' }],
    [400, 'unauthorized_client', 700016, { client_id: NOBODY }],
    [400, 'invalid_scope', 70011, { scope: 'https://a.test/.default https://b.test/.default' }],
    [400, 'invalid_scope', 1002012, { scope: 'https://database.windows.net/user_impersonation' }],
    [
      401,
      'invalid_client',
      50027,
      { client_assertion: 'x.y.z', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' },
    ],
    [400, 'invalid_request', 900144, { client_assertion: 'x.y.z' }],
  ])('refuse with %i %s %i for %j', async (status, error, code, change) => {
    expect(await ask({ ...good(), ...change })).toMatchObject({ status, body: { error, error_codes: [code] } })
  })

  test('refuse without any proof, a user, and an unknown tenant', async () => {
    const { client_secret: _, ...unproven } = good()
    expect((await ask(unproven)).body.error_codes).toEqual([7000218])
    const { clientId } = authority.principal('person@local.test')
    expect((await ask({ ...good(), client_id: clientId })).body.error_codes).toEqual([700016])
    expect((await ask(good(), NOBODY)).body.error_codes).toEqual([90002])
  })

  test('publish their metadata and keys', async () => {
    const base = `${authority.authorityHost}/${service.tenantId}`
    const { body } = await send(authority, `/${service.tenantId}/v2.0/.well-known/openid-configuration`)
    expect(body).toMatchObject({ issuer: `${base}/v2.0`, token_endpoint: `${base}/oauth2/v2.0/token` })
    const keys = await send(authority, new URL(String(body.jwks_uri)).pathname)
    expect(keys.body).toEqual(authority.verification.jwks)
    expect(JSON.stringify(keys.body)).not.toContain('"d"')
    expect((await send(authority, `/${NOBODY}/discovery/v2.0/keys`)).body.error_codes).toEqual([90002])
    expect((await send(authority, '/nothing/here')).status).toBe(404)
  })
})
