import { ManagedIdentityCredential } from '@azure/identity'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { diagnose } from '../../src/doctor/diagnose.ts'
import { OutOfTime, STEPS } from '../../src/doctor/steps.ts'
import { startGateway } from '../../src/testing/gateway/gateway.ts'
import { systemClock } from '../../src/time/clock.ts'
import { NO_SUCH_HOST } from '../errors/provoke.ts'
import { secretsIn } from '../integration/secrets.ts'
import { countingClock } from '../support/counting-clock.ts'
import { giving, usePractice } from './support.ts'

const practice = usePractice()
const ALL_OK = Object.keys(STEPS)
  .map((id) => `${id}:ok`)
  .join(' ')

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('if all is well, doctor', () => {
  it('says what it found in each step', async () => {
    const { azure } = practice
    for (const [name, value] of Object.entries(azure.authority.environment('app-service'))) vi.stubEnv(name, value)
    const credential = new ManagedIdentityCredential()
    azure.authority.resetStats()
    const { statuses, step, text, json } = await practice.examine(azure.config(), { credential })
    expect(statuses).toBe(ALL_OK)
    expect(step('dns').details.addresses).toContain('127.0.0.1')
    expect(step('tcp').details).toMatchObject({ port: azure.gateway.port })
    expect(step('tls').details).toMatchObject({
      protocol: 'TLSv1.2',
      verified: true,
      subject: 'CN=localhost',
      issuer: 'CN=Local test authority',
      names: ['localhost', '127.0.0.1'],
      validTo: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    })
    const { tenantId, clientId, objectId } = azure.authority.principal('local-app')
    expect(step('entra-logins').details).toEqual({
      tokensFrom: `https://sts.windows.net/${tenantId}/`,
      audience: 'https://database.windows.net/',
    })
    expect(step('token').details).toMatchObject({
      credential: 'ManagedIdentityCredential',
      principal: 'local-app',
      signedInWith: 'managed identity',
      tenantId,
      applicationId: clientId,
      objectId,
      audience: 'https://database.windows.net',
      issuedAt: expect.any(String),
      expiresAt: expect.any(String),
    })
    expect(step('identity').details).toMatchObject({ user: 'dbo', database: azure.upstream.database, schema: 'dbo' })
    expect(step('identity').details.roles).toContain('db_owner')
    expect(step('client-rights').details.missing).toEqual([])
    expect(step('migrate-rights').details.missing).toEqual([])
    expect(step('latency').details).toMatchObject({ loginMs: expect.any(Number), queryMs: expect.any(Number) })
    expect(text).toContain('Everything works.')
    expect(JSON.parse(json)).toMatchObject({ ok: true, steps: { length: ALL_OK.split(' ').length } })
    expect(azure.authority.stats().requests).toBe(1)
    expect(secretsIn(text + json, azure.authority.issuedTokens)).toEqual([])
  })

  it('passes over TDS 8 too', async () => {
    const { statuses, step } = await practice.examine(
      practice.azure.config({ options: { encrypt: 'strict' as never } }),
    )
    expect(statuses).toBe(ALL_OK)
    expect(step('tls').details.protocol).toBe('TLSv1.3')
  })

  it('passes over a redirect', async () => {
    const { azure } = practice
    const { options = {}, port = 0 } = await practice.gateway()
    const { ca: second } = options.cryptoCredentialsDetails as { ca: string }
    const ca = [azure.gateway.ca, second]
    azure.gateway.inject({ at: 'login', action: { redirect: { host: 'localhost', port } } })
    const { statuses, step } = await practice.examine(azure.config({ options: { cryptoCredentialsDetails: { ca } } }))
    expect(statuses).toBe(ALL_OK)
    expect(step('login').details).toMatchObject({ redirectedTo: [`localhost:${port}`] })
  })

  it('takes the tenant of a service principal from the server', async () => {
    const { authority, connectionString } = practice.azure
    const { tenantId, clientId, secret = '' } = authority.principal('local-service')
    const authentication = 'ActiveDirectoryServicePrincipal'
    const trust = { trustServerCertificate: 'true' }
    const url = connectionString({ authentication, user: clientId, password: secret, ...trust })
    const results = await diagnose(url, { credentialOptions: authority.clientOptions() })
    expect(results.find(({ id }) => id === 'token')).toMatchObject({
      status: 'ok',
      details: { credential: 'ClientSecretCredential', tenantId },
    })
    expect(results.filter(({ status }) => status === 'failed')).toEqual([])
  })

  it('logs in once', async () => {
    const { gateway, config } = practice.azure
    gateway.resetStats()
    await practice.examine(config())
    expect(gateway.stats()).toMatchObject({ logins: 1, loginFailures: {} })
  })

  it('leaves nothing open', async () => {
    const gateway = await startGateway({
      upstream: practice.azure.upstream,
      verification: practice.azure.authority.verification,
    })
    try {
      const options = { cryptoCredentialsDetails: { ca: gateway.ca } }
      const clock = countingClock()
      const config = practice.azure.config({ port: gateway.port, options })
      await diagnose(config, { credential: practice.azure.credential(), clock })
      await vi.waitFor(() => expect(gateway.stats()).toMatchObject({ sessionsOpen: 0, loggingIn: 0 }), 20_000)
      expect(gateway.stats().logins).toBeGreaterThan(0)
      expect(clock.timers).toBe(0)
    } finally {
      await gateway.close()
    }
  })
})

describe('doctor warns about', () => {
  it.each([
    ['ahead', 600_000, ['agrees with Entra ID', 'ahead of the server']],
    ['behind', -600_000, ['behind Entra ID', 'behind the server']],
  ])('a clock that is %s', async (_, skew, words) => {
    const clock = { ...systemClock, now: () => systemClock.now() + skew }
    const { step, statuses } = await practice.examine(practice.azure.config(), { clock })
    expect(statuses).toMatch(/login:ok .*clock:warning latency:ok$/)
    const [warning] = step('clock').warnings
    for (const each of words) expect(step('clock').summary).toContain(each)
    expect(warning).toContain('Synchronize it (NTP)')
    expect(step('clock').details.databaseSkewMs).toBeGreaterThan(skew - 60_000)
    expect(step('clock').details.databaseSkewMs).toBeLessThan(skew + 60_000)
  })

  it('a certificate that expires soon', async () => {
    const config = await practice.gateway({}, { notAfter: new Date(Date.now() + 5.5 * 86_400_000) })
    const { step } = await practice.examine(config)
    expect(step('tls')).toMatchObject({ status: 'warning', warnings: [expect.stringContaining('expires in 5 days')] })
  })

  it.each([
    ['accepts any server', {}, /accepts any certificate, so any server/],
    ['is not needed', undefined, /is set but not needed/],
  ])('a trustServerCertificate that %s', async (_, credentials, warning) => {
    const options = { trustServerCertificate: true, ...(credentials && { cryptoCredentialsDetails: credentials }) }
    const { step, statuses } = await practice.examine(practice.azure.config({ options }))
    expect(statuses).toContain('tls:warning entra-logins:ok')
    expect(step('tls').warnings).toEqual([expect.stringMatching(warning)])
  })

  it('a trustServerCertificate that TDS 8 ignores, by failing', async () => {
    const options = { encrypt: 'strict' as never, trustServerCertificate: true, cryptoCredentialsDetails: {} }
    const { statuses } = await practice.examine(practice.azure.config({ options }))
    expect(statuses).toContain('tls:failed')
  })

  it('an unknown parameter in the connection string', async () => {
    const { step } = await practice.examine(practice.azure.connectionString({ databse: 'x' }))
    expect(step('connection-string')).toMatchObject({
      status: 'warning',
      warnings: [expect.stringMatching(/databse is not known.*Did you mean database\?/)],
    })
  })

  it('a string that names no database', async () => {
    const { step } = await practice.examine(`sqlserver://localhost:${practice.azure.gateway.port}`)
    expect(step('connection-string').warnings).toEqual([expect.stringContaining('No database is named')])
  })

  it('a server that does not say whether it accepts tokens, and lets the login show it', async () => {
    const config = await practice.gateway({ fedAuthInfo: { stsUrl: 'x'.repeat(70_000) } })
    const { statuses, step } = await practice.examine(config)
    expect(step('entra-logins').warnings).toEqual([
      expect.stringContaining('did not say whether it accepts Entra logins'),
    ])
    expect(statuses).toMatch(/entra-logins:warning http-proxy:\w+ token:ok login:ok identity:ok/)
  })

  it('a token from another tenant than the server names', async () => {
    const config = await practice.gateway({
      fedAuthInfo: { stsUrl: 'https://login.windows.net/99999999-0000-4000-8000-000000000001' },
    })
    const { step } = await practice.examine(config)
    expect(step('token')).toMatchObject({
      status: 'warning',
      warnings: [expect.stringMatching(/is from tenant 7e4a0000.*expects one from 99999999.*tenantId/)],
    })
  })

  it('the proxy that credentialOptions name', async () => {
    const { step } = await practice.examine(`sqlserver://${NO_SUCH_HOST};database=app`, {
      authentication: 'ActiveDirectoryManagedIdentity',
      credentialOptions: { proxyOptions: { host: 'http://127.0.0.1', port: 1 } },
      rotation: { waitTimeout: 1 },
    })
    expect(step('http-proxy')).toMatchObject({
      summary: 'token requests go through 127.0.0.1:1 (credentialOptions.proxyOptions)',
      warnings: [expect.stringContaining('NO_PROXY lacks 169.254.169.254')],
    })
  })

  it('no credential that could not sign in, but lists it', async () => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AZURE_')) vi.stubEnv(name, undefined)
    const credential = ['Environment', giving(() => practice.azure.authority.issueToken()).credential]
    const { step } = await practice.examine(practice.azure.config(), { credential })
    expect(step('token').details.passedOver).toEqual([expect.stringContaining('EnvironmentCredential')])
  })
})

describe('a certificate that is rejected', () => {
  it('is shown all the same', async () => {
    const config = await practice.gateway({}, { hosts: ['elsewhere.test'] })
    const { step } = await practice.examine(config)
    expect(step('tls')).toMatchObject({
      status: 'failed',
      details: { verified: false, subject: 'CN=elsewhere.test', names: ['elsewhere.test'] },
    })
  })
})

describe('a schema that does not exist', () => {
  it('is reported as such, and not as a missing right', async () => {
    const { step } = await practice.examine(
      practice.azure.connectionString({ schema: 'now]here', trustServerCertificate: 'true' }),
    )
    expect(step('client-rights').error?.message).toMatch(/no schema "now\]here".*CREATE SCHEMA \[now\]\]here\];/)
  })
})

describe('doctor ends', () => {
  const hanging = giving(() => new Promise<never>(() => {}))

  it('when its time is up: the current step fails, and the others are skipped', async () => {
    const stop = new AbortController()
    const fault = practice.azure.gateway.inject({ at: 'prelogin', action: { hang: true } })
    const done = practice.examine(practice.azure.config({ connectionTimeout: 0 }), { signal: stop.signal })
    await vi.waitFor(() => expect(fault.hits).toBe(1), 20_000)
    stop.abort(new OutOfTime(60_000))
    const { statuses, step } = await done
    expect(statuses).toMatch(/tcp:ok tls:failed( \S+:skipped){9}$/)
    expect(step('tls').error?.message).toContain('ran out of time after 60 s')
    expect(step('token').summary).toBe('out of time')
  })

  it.each([
    ['at the time that you give', { timeout: 7_000 }, 7_000],
    ['after a minute by default', {}, 60_000],
  ])('%s', async (_, options, limit) => {
    const delays: number[] = []
    const setTimer: typeof systemClock.setTimer = (delay, callback) => {
      delays.push(delay)
      return systemClock.setTimer(delay, callback)
    }
    await practice.examine(`sqlserver://${NO_SUCH_HOST};database=app`, {
      clock: { ...systemClock, setTimer },
      ...options,
    })
    expect(delays).toContain(limit)
  })

  it('when it is stopped, and counts no step as failed because of that', async () => {
    const stop = new AbortController()
    const results = await diagnose(practice.azure.config(), { ...hanging, signal: stop.signal }, (id) => {
      if (id === 'token') stop.abort(new Error('Ctrl-C'))
    })
    expect(results.map(({ status }) => status)).toEqual([...Array(6).fill('ok'), ...Array(7).fill('skipped')])
    expect(results.at(-1)?.summary).toBe('stopped')
  })
})
