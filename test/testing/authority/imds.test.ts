import { ManagedIdentityCredential } from '@azure/identity'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { type Authority, startAuthority } from '../../../src/testing/authority/authority.ts'
import { newScope, verify } from './support.ts'

// MSAL reads the endpoint once per process and keeps using it: one authority for the whole file.
let authority: Authority
beforeAll(async () => {
  authority = await startAuthority({ tokenLifetime: 120_000 })
  for (const [name, value] of Object.entries(authority.environment('imds'))) vi.stubEnv(name, value)
})
afterEach(() => authority.clearFaults())
afterAll(() => authority.close())

test('ManagedIdentityCredential signs in as the system-assigned identity', async () => {
  const { token } = await new ManagedIdentityCredential().getToken('https://database.windows.net/.default')
  expect((await verify(authority, token)).payload.oid).toBe(authority.principal('local-app').objectId)
  expect(authority.stats().byEndpoint).toMatchObject({ imds: 1, 'app-service': 0 })
})

test('ManagedIdentityCredential signs in as the user-assigned identity', async () => {
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

test('ManagedIdentityCredential reports that an identity is unknown', async () => {
  const credential = new ManagedIdentityCredential({ clientId: '00000000-0000-4000-8000-000000000000' })
  await expect(credential.getToken(newScope())).rejects.toThrow('Identity not found')
})

test('ManagedIdentityCredential retries after a 404, as while an identity is being assigned', async () => {
  const fault = authority.inject({ status: 404, endpoint: 'imds', times: 1 })
  await expect(new ManagedIdentityCredential().getToken(newScope())).resolves.toBeDefined()
  expect(fault.hits).toBe(1)
})

async function ask(query: string, headers: Record<string, string> = { Metadata: 'true' }) {
  const response = await fetch(`${authority.imdsHost}/metadata/identity/oauth2/token${query}`, { headers })
  return { status: response.status, body: await response.json() }
}

test('the endpoint answers like IMDS, with numbers as strings', async () => {
  const answer = await ask('?api-version=2018-02-01&resource=https://database.windows.net/')
  expect(answer).toEqual({
    status: 200,
    body: {
      access_token: expect.stringMatching(/^eyJ/),
      client_id: authority.principal('local-app').clientId,
      expires_in: expect.stringMatching(/^1(19|20)$/),
      expires_on: expect.stringMatching(/^\d{10}$/),
      ext_expires_in: expect.stringMatching(/^1(19|20)$/),
      not_before: expect.stringMatching(/^\d{10}$/),
      resource: 'https://database.windows.net/',
      token_type: 'Bearer',
    },
  })
})

test('a probe without the Metadata header and without a query gets a 400 at once', async () => {
  expect(await ask('', {})).toEqual({
    status: 400,
    body: { error: 'invalid_request', error_description: 'Required metadata header not specified' },
  })
})

test.each([
  ['?api-version=2018-02-01', { error: 'invalid_request' }],
  ['?resource=x', { error: expect.stringContaining('api-version') }],
  ['?api-version=2018-02-01&resource=x&msi_res_id=/none', { error_description: 'Identity not found' }],
])('the endpoint refuses %s', async (query, body) => {
  expect(await ask(query)).toMatchObject({ status: 400, body })
})
