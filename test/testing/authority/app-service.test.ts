import { ManagedIdentityCredential } from '@azure/identity'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Authority, startAuthority } from '../../../src/testing/authority/authority.ts'
import { newScope, verify } from './support.ts'

const SQL = 'https://database.windows.net/.default'

// MSAL reads the endpoint once per process and keeps using it: one authority for the whole file.
let authority: Authority
beforeAll(async () => {
  authority = await startAuthority({ tokenLifetime: 120_000 })
  for (const [name, value] of Object.entries(authority.environment('app-service'))) vi.stubEnv(name, value)
})
afterEach(() => {
  authority.clearFaults()
  authority.tokenLifetime = 120_000
})
afterAll(() => authority.close())

describe('ManagedIdentityCredential', () => {
  test('signs in as the system-assigned identity', async () => {
    const { token, expiresOnTimestamp } = await new ManagedIdentityCredential().getToken(SQL)
    const { payload } = await verify(authority, token)
    const principal = authority.principal('local-app')
    expect(payload).toMatchObject({
      aud: 'https://database.windows.net',
      iss: `https://sts.windows.net/${principal.tenantId}/`,
      appid: principal.clientId,
      oid: principal.objectId,
      sub: principal.objectId,
      tid: principal.tenantId,
      idtyp: 'app',
      ver: '1.0',
      xms_mirid: principal.resourceId,
    })
    expect(expiresOnTimestamp).toBeLessThanOrEqual((payload.exp ?? 0) * 1000)
    expect(expiresOnTimestamp).toBeGreaterThan((payload.exp ?? 0) * 1000 - 30_000)
  })

  test('signs in as the user-assigned identity, named by any of its ids', async () => {
    const { clientId, objectId, resourceId = '' } = authority.principal('local-identity')
    const credentials = [
      new ManagedIdentityCredential({ clientId }),
      new ManagedIdentityCredential({ objectId }),
      new ManagedIdentityCredential({ resourceId }),
    ]
    for (const credential of credentials) {
      expect(decodeJwt((await credential.getToken(newScope())).token).appid).toBe(clientId)
    }
  })

  test('reports that an identity is unknown', async () => {
    const credential = new ManagedIdentityCredential({ clientId: '00000000-0000-4000-8000-000000000000' })
    await expect(credential.getToken(newScope())).rejects.toThrow(
      'No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.',
    )
  })

  test('gets a new token each time while tokens have less than five minutes to live', async () => {
    const credential = new ManagedIdentityCredential()
    const scope = newScope()
    authority.tokenLifetime = 15_000
    const first = await credential.getToken(scope)
    const second = await credential.getToken(scope)
    expect(second.token).not.toBe(first.token)
    expect(first.expiresOnTimestamp - Date.now()).toBeLessThanOrEqual(15_000)
    expect(first.refreshAfterTimestamp).toBeUndefined()
  })

  test('caches a longer token for all credentials', async () => {
    const scope = newScope()
    authority.tokenLifetime = 3_600_000
    const first = await new ManagedIdentityCredential().getToken(scope)
    const second = await new ManagedIdentityCredential().getToken(scope)
    expect(second.token).toBe(first.token)
  })

  test('refreshes a token of more than two hours at half its lifetime', async () => {
    authority.tokenLifetime = 24 * 3_600_000
    const { expiresOnTimestamp, refreshAfterTimestamp = 0 } = await new ManagedIdentityCredential().getToken(newScope())
    expect(expiresOnTimestamp - refreshAfterTimestamp).toBeGreaterThan(11.9 * 3_600_000)
    expect(expiresOnTimestamp - refreshAfterTimestamp).toBeLessThan(12.1 * 3_600_000)
  })
})

describe('ManagedIdentityCredential under faults', () => {
  test('waits for Retry-After and retries', async () => {
    const fault = authority.inject({ status: 429, retryAfter: 1, times: 1 })
    const began = performance.now()
    await expect(new ManagedIdentityCredential().getToken(newScope())).resolves.toBeDefined()
    expect(fault.hits).toBe(1)
    expect(performance.now() - began).toBeGreaterThan(950)
  })

  test('fails at once after a 429 without Retry-After', async () => {
    const fault = authority.inject({ status: 429, body: { statusCode: 429, message: 'Too many requests' } })
    await expect(new ManagedIdentityCredential().getToken(newScope())).rejects.toThrow('Too many requests')
    expect(fault.hits).toBe(1)
  })

  test('gets a token for another principal, a short one, and the same one again', async () => {
    const credential = new ManagedIdentityCredential()
    const scope = newScope()
    authority.inject({ wrongAudience: true, times: 1 })
    expect(decodeJwt((await credential.getToken(scope)).token).aud).toBe('https://graph.microsoft.com/')
    authority.inject({ lifetime: 5_000, times: 1 })
    const short = await credential.getToken(scope)
    expect(short.expiresOnTimestamp - Date.now()).toBeLessThanOrEqual(5_000)
    const normal = await credential.getToken(scope)
    authority.inject({ sameToken: true, times: 1 })
    expect((await credential.getToken(scope)).token).toBe(normal.token)
    expect((await credential.getToken(scope)).token).not.toBe(normal.token)
  })
})

describe('the App Service endpoint', () => {
  async function ask(
    query: string,
    headers: Record<string, string> = { 'X-IDENTITY-HEADER': authority.identityHeader },
  ) {
    const response = await fetch(`${authority.identityEndpoint}?${query}`, { headers })
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }

  test('answers like App Service', async () => {
    const answer = await ask('api-version=2019-08-01&resource=https://database.windows.net/')
    expect(answer).toEqual({
      status: 200,
      body: {
        access_token: expect.stringMatching(/^eyJ/),
        client_id: authority.principal('local-app').clientId,
        expires_on: expect.stringMatching(/^\d{10}$/),
        resource: 'https://database.windows.net/',
        token_type: 'Bearer',
      },
    })
    const { payload } = await verify(authority, answer.body.access_token ?? '')
    expect(payload).toMatchObject({ aud: 'https://database.windows.net/', exp: Number(answer.body.expires_on) })
  })

  test.each([
    [401, 'X-IDENTITY-HEADER', 'api-version=2019-08-01&resource=x', {}],
    [401, 'X-IDENTITY-HEADER', 'api-version=2019-08-01&resource=x', { 'X-IDENTITY-HEADER': 'guess' }],
    [400, 'api-version', 'api-version=2017-09-01&resource=x', undefined],
    [400, 'resource', 'api-version=2019-08-01', undefined],
    [400, 'No User Assigned', 'api-version=2019-08-01&resource=x&client_id=nobody', undefined],
    [400, 'No User Assigned', 'api-version=2019-08-01&resource=x&client_id=', undefined],
  ])('refuses with %i for the %s: %s', async (status, message, query, headers) => {
    const answer = await ask(query, headers)
    expect(answer).toMatchObject({ status, body: { statusCode: status, message: expect.stringContaining(message) } })
    expect(answer.body.correlationId).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('rejects POST', async () => {
    expect((await fetch(authority.identityEndpoint, { method: 'POST' })).status).toBe(405)
  })
})
