import { existsSync } from 'node:fs'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Authority, startAuthority } from '../../../src/testing/authority/authority.ts'
import type { Clock } from '../../../src/time/clock.ts'
import { verify } from './support.ts'

let authority: Authority
beforeAll(async () => {
  authority = await startAuthority()
})
beforeEach(() => authority.resetStats())
afterEach(() => authority.clearFaults())
afterAll(() => authority.close())

/** Asks the App Service endpoint. */
function ask(from = authority, init: RequestInit = {}): Promise<Response> {
  const url = `${from.identityEndpoint}?api-version=2019-08-01&resource=https://database.windows.net/`
  return fetch(url, { ...init, headers: { 'X-IDENTITY-HEADER': from.identityHeader } })
}

async function tokenIn(answer: Promise<Response>): Promise<string> {
  return ((await (await answer).json()) as { access_token: string }).access_token
}

describe('tokens issued for a test', () => {
  test('are for Azure SQL and the first principal, and last an hour', async () => {
    const { token, expiresOnTimestamp, tokenType } = await authority.issueToken()
    const { payload, protectedHeader } = await verify(authority, token)
    expect(tokenType).toBe('Bearer')
    expect(protectedHeader).toMatchObject({ alg: 'RS256', typ: 'JWT', kid: authority.verification.jwks.keys[0]?.kid })
    expect(payload).toMatchObject({
      aud: 'https://database.windows.net/',
      appid: authority.principal('local-app').clientId,
    })
    expect(expiresOnTimestamp).toBe((payload.exp ?? 0) * 1000)
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600)
    expect(authority.issuedTokens).toContain(token)
  })

  test('can be for a user', async () => {
    const { token } = await authority.issueToken({ principal: 'person@local.test' })
    expect((await verify(authority, token)).payload).toMatchObject({ idtyp: 'user', upn: 'person@local.test' })
  })

  test('are as long as Entra ID’s: about 2,000 characters, and over 4,500 for a person in many groups', async () => {
    for (const { name } of authority.principals) {
      const { token } = await authority.issueToken({ principal: name })
      const [least, most] = name === 'person@local.test' ? [4500, 6000] : [1900, 2100]
      expect(token.length, name).toBeGreaterThan(least)
      expect(token.length, name).toBeLessThan(most)
    }
  })

  test('are new each time, with the same claims about their principal', async () => {
    const [one, other] = [await authority.issueToken(), await authority.issueToken()]
    expect(one.token).not.toBe(other.token)
    const { uti, iat, nbf, exp, ...claims } = (await verify(authority, one.token)).payload
    expect((await verify(authority, other.token)).payload).toMatchObject(claims)
    expect((await verify(authority, other.token)).payload.uti).not.toBe(uti)
  })

  test('can be wrong in every way that a verifier must detect', async () => {
    const expired = await authority.issueToken({ lifetime: -5_000 })
    await expect(verify(authority, expired.token)).rejects.toThrow('"exp" claim timestamp check failed')
    const early = await authority.issueToken({ notBefore: Date.now() + 60_000 })
    await expect(verify(authority, early.token)).rejects.toThrow('"nbf" claim timestamp check failed')
    const elsewhere = await authority.issueToken({ audience: 'https://graph.microsoft.com/' })
    await expect(verify(authority, elsewhere.token)).rejects.toThrow('unexpected "aud" claim value')
    const foreign = await authority.issueToken({ claims: { iss: 'https://sts.windows.net/other/' } })
    await expect(verify(authority, foreign.token)).rejects.toThrow('unexpected "iss" claim value')
    const other = await startAuthority()
    onTestFinished(() => other.close())
    const forged = await other.issueToken()
    await expect(verify(authority, forged.token)).rejects.toThrow('no applicable key')
  })

  test('can have claims removed', async () => {
    const { token } = await authority.issueToken({ claims: { oid: undefined, groups: ['a'] } })
    expect(decodeJwt(token)).toMatchObject({ groups: ['a'] })
    expect(decodeJwt(token)).not.toHaveProperty('oid')
  })

  test('need an existing principal', () => {
    expect(() => authority.principal('nobody')).toThrow('There are: local-app, local-identity')
  })

  test.each(['https://database.usgovcloudapi.net/', 'https://database.chinacloudapi.cn'])(
    'are good for %s',
    async (audience) => {
      const { token } = await authority.issueToken({ audience })
      await expect(verify(authority, token)).resolves.toBeDefined()
    },
  )
})

test('the authority uses the given clock', async () => {
  let now = Date.parse('2040-01-01T00:00:00.999Z')
  const due: (() => void)[] = []
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    setTimer(_, callback) {
      due.push(callback)
      return { cancel() {} }
    },
  }
  const virtual = await startAuthority({ clock, tokenLifetime: 10_000 })
  onTestFinished(() => virtual.close())
  const { token, expiresOnTimestamp } = await virtual.issueToken()
  expect(expiresOnTimestamp).toBe(Date.parse('2040-01-01T00:00:10Z'))
  await expect(verify(virtual, token, now)).resolves.toBeDefined()

  virtual.inject({ delay: 3_600_000 })
  const slow = ask(virtual)
  await expect.poll(() => due.length).toBe(1)
  now += 3_600_000
  due[0]?.()
  expect(decodeJwt(await tokenIn(slow)).iat).toBe(Date.parse('2040-01-01T01:00:00Z') / 1000)
})

test('the authority counts requests by endpoint, and concurrent ones', async () => {
  const fault = authority.inject({ hang: true, times: 2 })
  const abort = new AbortController()
  const hanging = [ask(authority, { signal: abort.signal }), ask(authority, { signal: abort.signal })]
  await expect.poll(() => authority.stats().inFlight).toBe(2)
  expect((await ask()).status).toBe(200)
  await fetch(`${authority.imdsHost}/unknown`)
  abort.abort()
  expect((await Promise.allSettled(hanging)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await expect.poll(() => authority.stats().inFlight).toBe(0)
  expect(fault.hits).toBe(2)
  expect(authority.stats()).toEqual({
    requests: 4,
    byEndpoint: {
      'app-service': 3,
      imds: 0,
      token: 0,
      'azure-pipelines': 0,
      'openid-configuration': 0,
      keys: 0,
      other: 1,
    },
    tokenRequests: 3,
    tokensIssued: 1,
    inFlight: 0,
    maxInFlight: 3,
  })
  authority.resetStats()
  expect(authority.stats()).toMatchObject({ requests: 0, tokensIssued: 0, maxInFlight: 0 })
})

describe('authority faults', () => {
  test('can set a status, Retry-After and a body', async () => {
    const retryAfter = 'Wed, 21 Oct 2015 07:28:00 GMT'
    authority.inject({ status: 503, retryAfter, body: '<html>', times: 1 })
    const answer = await ask()
    expect([answer.status, answer.headers.get('Retry-After'), await answer.text()]).toEqual([503, retryAfter, '<html>'])
    authority.inject({ status: 429, retryAfter: 2, times: 1 })
    expect((await ask()).headers.get('Retry-After')).toBe('2')
    authority.inject({ status: 500, times: 1 })
    const plain = await ask()
    expect([plain.headers.get('Retry-After'), await plain.json()]).toEqual([
      null,
      { error: 'temporarily_unavailable', error_description: 'Injected by the test: status 500.' },
    ])
    expect((await ask()).status).toBe(200)
  })

  test('apply oldest first, as often as configured, until cleared', async () => {
    const first = authority.inject({ status: 500, times: 2 })
    const second = authority.inject({ status: 503 })
    const seen: number[] = []
    for (let round = 0; round < 4; round += 1) seen.push((await ask()).status)
    second.clear()
    seen.push((await ask()).status)
    expect(seen).toEqual([500, 500, 503, 503, 200])
    expect([first.hits, second.hits]).toEqual([2, 2])
  })

  test('apply only to their endpoint', async () => {
    const fault = authority.inject({ status: 500, endpoint: 'imds' })
    expect((await ask()).status).toBe(200)
    expect((await fetch(`${authority.imdsHost}/metadata/identity/oauth2/token`)).status).toBe(500)
    expect(fault.hits).toBe(1)
  })

  test('can cut the connection', async () => {
    authority.inject({ disconnect: true, times: 1 })
    await expect(ask()).rejects.toThrow('fetch failed')
    expect((await ask()).status).toBe(200)
  })

  test('can delay the answer', async () => {
    authority.inject({ delay: 200, status: 500, times: 1 })
    const began = performance.now()
    expect((await ask()).status).toBe(500)
    expect(performance.now() - began).toBeGreaterThan(190)
  })

  test('can return the same token, but only while it is valid', async () => {
    const own = await startAuthority()
    onTestFinished(() => own.close())
    const token = () => tokenIn(ask(own))
    own.inject({ sameToken: true })
    const first = await token()
    expect(await token()).toBe(first)
    own.clearFaults()
    own.inject({ lifetime: -1_000, times: 1 })
    const past = await token()
    own.inject({ sameToken: true })
    expect(await token()).not.toBe(past)
  })
})

test('close ends hanging requests and removes the files', async () => {
  const own = await startAuthority()
  const { AZURE_FEDERATED_TOKEN_FILE = '', NODE_EXTRA_CA_CERTS = '' } = own.environment('workload-identity')
  expect([existsSync(AZURE_FEDERATED_TOKEN_FILE), existsSync(NODE_EXTRA_CA_CERTS)]).toEqual([true, true])
  own.inject({ hang: true })
  const hanging = expect(ask(own)).rejects.toThrow('fetch failed')
  await expect.poll(() => own.stats().inFlight).toBe(1)
  await own.close()
  await hanging
  expect([existsSync(AZURE_FEDERATED_TOKEN_FILE), existsSync(NODE_EXTRA_CA_CERTS)]).toEqual([false, false])
  await own.close()
})

test('a port that is in use is an error and leaves nothing open', async () => {
  const port = Number(new URL(authority.authorityHost).port)
  await expect(startAuthority({ httpsPort: port })).rejects.toThrow('EADDRINUSE')
})

test('the environment names the principal to sign in', () => {
  const { clientId, tenantId, secret } = authority.principal('local-service')
  expect(authority.environment('client-secret')).toMatchObject({
    AZURE_TENANT_ID: tenantId,
    AZURE_CLIENT_ID: clientId,
    AZURE_CLIENT_SECRET: secret,
    AZURE_AUTHORITY_HOST: authority.authorityHost,
  })
  expect(authority.environment('app-service')).not.toHaveProperty('AZURE_CLIENT_ID')
  expect(authority.environment('imds', 'local-identity')).toEqual({
    AZURE_POD_IDENTITY_AUTHORITY_HOST: authority.imdsHost,
    AZURE_CLIENT_ID: authority.principal('local-identity').clientId,
  })
})
