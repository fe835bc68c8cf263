import { ClientSecretCredential, ManagedIdentityCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { exitCodeOf } from '../../src/cli/doctor-command.ts'
import type { DiagnoseOptions } from '../../src/doctor/diagnose.ts'
import type { StepId } from '../../src/doctor/steps.ts'
import type { EntraErrorCode } from '../../src/errors/entra-error.ts'
import { encodeMessage, PacketType } from '../../src/tds/packet.ts'
import { Encryption, encodePrelogin } from '../../src/tds/prelogin.ts'
import type { FaultAction, FaultError, Stage } from '../../src/testing/gateway/faults.ts'
import { freePort, NO_SUCH_HOST } from '../errors/provoke.ts'
import { secretsIn } from '../integration/secrets.ts'
import { giving, usePractice } from './support.ts'

const practice = usePractice()
const HOUR = 3_600_000
/** How long a connection and a token are waited for if neither comes, in ms. */
const SOON = 2_000

afterEach(() => {
  vi.unstubAllEnvs()
})

/** A config that is wrong, and options for doctor. */
type Wrong = () => Promise<[config: MssqlConfig | string, options?: DiagnoseOptions]>

const azure = () => practice.azure
const entra = () => practice.azure.authority

const fault =
  (at: Stage, action: FaultAction, config: Partial<MssqlConfig> = {}): Wrong =>
  async () => {
    azure().gateway.inject({ at, action })
    return [azure().config(config)]
  }
const hanging = (at: Stage): Wrong => fault(at, { hang: true }, { connectionTimeout: SOON })
const refused = (refuse: FaultError): Wrong => fault('login', { refuse })
const to = (config: () => Partial<MssqlConfig> | Promise<Partial<MssqlConfig>>): Wrong => {
  return async () => [azure().config(await config())]
}
const gateway = (...made: Parameters<typeof practice.gateway>): Wrong => {
  return async () => [await practice.gateway(...made)]
}
/** A token that is not what it should be. */
const token =
  (...issue: Parameters<ReturnType<typeof entra>['issueToken']>): Wrong =>
  async () => [azure().config(), giving(() => entra().issueToken(...issue))]

const managedIdentity = () => {
  for (const [name, value] of Object.entries(entra().environment('app-service'))) vi.stubEnv(name, value)
  return new ManagedIdentityCredential({ retryOptions: { maxRetries: 0 } })
}

const service = (secret = entra().principal('local-service').secret ?? '') => {
  const { tenantId, clientId } = entra().principal('local-service')
  return new ClientSecretCredential(tenantId, clientId, secret, entra().clientOptions())
}

const prelogin = (encryption: number) =>
  encodeMessage(
    PacketType.TABULAR_RESULT,
    encodePrelogin({ version: { major: 16, minor: 0, build: 1000 }, encryption, fedAuthRequired: true }),
  )

/** What doctor must say: the step that fails, its code, and part of the remedy. */
type Case = [name: string, wrong: Wrong, step: StepId | 'tcp or tls', code: EntraErrorCode, remedy: RegExp]

const LOGIN: Case[] = [
  [
    'a token that has expired by the server’s clock',
    refused({ number: 18456, message: "Login failed for user '<token-identified principal>'. Token is expired." }),
    'login',
    'TOKEN_REFUSED',
    /Synchronize this machine's clock/,
  ],
  [
    'an expired token from a credential that says otherwise',
    async () => {
      const { token } = await entra().issueToken({ lifetime: -60_000 })
      return [azure().config(), giving(() => ({ token, expiresOnTimestamp: Date.now() + HOUR }))]
    },
    'login',
    'TOKEN_REFUSED',
    /has expired, at .*\n.*Make the credential return a valid token/,
  ],
  [
    'a token for another audience',
    token({ audience: 'https://graph.microsoft.com/' }),
    'login',
    'TOKEN_REFUSED',
    /remove the option scope/,
  ],
  [
    'a token that is not valid yet',
    token({ notBefore: Date.now() + 10 * 60_000, lifetime: 2 * HOUR }),
    'login',
    'TOKEN_REFUSED',
    /Synchronize this machine's clock/,
  ],
  [
    'a token from another tenant',
    token({
      claims: {
        tid: '99999999-0000-4000-8000-000000000001',
        iss: 'https://sts.windows.net/99999999-0000-4000-8000-000000000001/',
      },
    }),
    'login',
    'TOKEN_REFUSED',
    /Set tenantId to the server's tenant/,
  ],
  [
    'a token that was tampered with',
    async () => [
      azure().config(),
      giving(async () => {
        const issued = await entra().issueToken()
        const [header, payload] = issued.token.split('.')
        return { ...issued, token: `${header}.${payload}.${'A'.repeat(342)}` }
      }),
    ],
    'login',
    'TOKEN_REFUSED',
    /pass it on unchanged/,
  ],
  [
    'something that is no token',
    async () => [
      azure().config(),
      giving(() => ({ token: 'opaque'.repeat(20), expiresOnTimestamp: Date.now() + HOUR })),
    ],
    'login',
    'TOKEN_REFUSED',
    /Make it return an access token for https:\/\/database\.windows\.net\//,
  ],
  [
    'a principal without a user',
    gateway({ principals: {} }),
    'login',
    'PRINCIPAL_UNKNOWN',
    /CREATE USER \[local-app\] FROM EXTERNAL PROVIDER/,
  ],
  ['a login without a user', refused({ number: 916 }), 'login', 'PRINCIPAL_UNKNOWN', /CREATE USER \[local-app\]/],
  [
    'a database that does not exist',
    to(() => ({ database: 'no_such_database' })),
    'login',
    'DATABASE_NOT_FOUND',
    /Check the names of the database[\s\S]*CREATE USER \[local-app\]/,
  ],
  ['a firewall', refused({ number: 40615 }), 'login', 'FIREWALL', /--start-ip-address 203\.0\.113\.7/],
  ['a subnet without access', refused({ number: 40914 }), 'login', 'FIREWALL', /az sql server vnet-rule create/],
  ['no public access', refused({ number: 47073 }), 'login', 'FIREWALL', /Connect from inside its virtual network/],
  [
    'a database that is paused',
    refused({ number: 40613 }),
    'login',
    'DATABASE_UNAVAILABLE',
    /connecting wakes a paused/,
  ],
  [
    'a dedicated pool that is paused',
    refused({ number: 42108 }),
    'login',
    'DATABASE_UNAVAILABLE',
    /az synapse sql pool resume/,
  ],
  ['too many connections', refused({ number: 10928 }), 'login', 'TOO_MANY_CONNECTIONS', /fewer connections/],
  [
    'a server that Azure does not know',
    refused({ number: 40532 }),
    'login',
    'SERVER_NOT_FOUND',
    /full name of the server/,
  ],
  [
    'a TLS version that is too old for the server',
    refused({ number: 47072 }),
    'login',
    'TLS_FAILED',
    /Remove the TLS options.*encrypt=strict/,
  ],
  [
    'any other refusal',
    refused({ number: 18470, message: 'Disabled.' }),
    'login',
    'LOGIN_FAILED',
    /Look up error 18470/,
  ],
  ['a login that hangs', hanging('login'), 'login', 'LOGIN_TIMEOUT', /longer connectTimeout/],
  ['a login that is dropped', fault('login', { drop: true }), 'login', 'CONNECT_FAILED', /check what answers/],
  ['a login that is reset', fault('login', { reset: true }), 'login', 'CONNECT_FAILED', /check what answers/],
  [
    'a redirect to a closed port',
    async () => {
      azure().gateway.inject({ at: 'login', action: { redirect: { host: 'localhost', port: await freePort() } } })
      return [azure().config()]
    },
    'login',
    'SERVER_UNREACHABLE',
    /Check the host and port/,
  ],
]

const WIRE: Case[] = [
  [
    'a host that does not exist',
    to(() => ({ server: NO_SUCH_HOST })),
    'dns',
    'SERVER_NOT_FOUND',
    /Check the host name/,
  ],
  [
    'a port that nobody listens on',
    to(async () => ({ port: await freePort() })),
    'tcp',
    'SERVER_UNREACHABLE',
    /Check the host and port \(Azure SQL: 1433\)/,
  ],
  [
    'a connection that is dropped',
    fault('accept', { drop: true }),
    'tcp or tls',
    'CONNECT_FAILED',
    /check what answers/,
  ],
  [
    'a connection that is reset',
    fault('accept', { reset: true }),
    'tcp or tls',
    'CONNECT_FAILED',
    /check what answers/,
  ],
  ['a PRELOGIN that is dropped', fault('prelogin', { drop: true }), 'tls', 'CONNECT_FAILED', /check what answers/],
  ['a PRELOGIN that hangs', hanging('prelogin'), 'tls', 'LOGIN_TIMEOUT', /longer connectTimeout/],
  ['a TLS handshake that hangs', hanging('tls'), 'tls', 'LOGIN_TIMEOUT', /longer connectTimeout/],
  ['a TLS handshake that is dropped', fault('tls', { drop: true }), 'tls', 'CONNECT_FAILED', /check what answers/],
  [
    'a certificate of an authority that is not trusted',
    to(() => ({ options: { cryptoCredentialsDetails: {} } })),
    'tls',
    'TLS_FAILED',
    /trustServerCertificateCA=….*NODE_EXTRA_CA_CERTS/,
  ],
  [
    'a certificate that has expired',
    gateway({}, { notBefore: new Date(Date.now() - 2 * HOUR), notAfter: new Date(Date.now() - HOUR) }),
    'tls',
    'TLS_FAILED',
    /Renew the certificate/,
  ],
  [
    'a certificate that is not valid yet',
    gateway({}, { notBefore: new Date(Date.now() + HOUR) }),
    'tls',
    'TLS_FAILED',
    /Check the clock of this machine/,
  ],
  [
    'a certificate for another host',
    gateway({}, { hosts: ['elsewhere.test'] }),
    'tls',
    'TLS_FAILED',
    /Connect by the name in the certificate/,
  ],
  [
    'a server without encryption',
    to(async () => ({ port: await practice.impostor(prelogin(Encryption.NOT_SUPPORTED)) })),
    'tls',
    'TLS_FAILED',
    /Give the server a certificate/,
  ],
  [
    'a server that requires encryption if you turned it off',
    to(() => ({ options: { encrypt: false } })),
    'tls',
    'TLS_FAILED',
    /Remove encrypt/,
  ],
  [
    'a server that is not SQL Server',
    to(async () => ({ port: await practice.impostor(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')) })),
    'tls',
    'CONNECT_FAILED',
    /not a SQL Server\. Check the host and port/,
  ],
  [
    'a server without Entra logins',
    to(() => {
      const { port, encrypt, trustServerCertificate } = azure().upstream
      return { port, options: { encrypt, trustServerCertificate } }
    }),
    'entra-logins',
    'ENTRA_LOGIN_UNSUPPORTED',
    /Use @prisma\/adapter-mssql with a user and password/,
  ],
]

const TOKEN: Case[] = [
  [
    'a credential that gives nothing',
    async () => [azure().config(), giving(() => null as never)],
    'token',
    'TOKEN_INVALID',
    /pass a credential that can/,
  ],
  [
    'a credential that gives an expired token',
    async () => [azure().config({ connectionTimeout: SOON }), giving(() => entra().issueToken({ lifetime: -60_000 }))],
    'token',
    'TOKEN_EXPIRED',
    /check the clock of this machine/,
  ],
  [
    'a wrong client secret',
    async () => {
      return [azure().config(), { credential: service('wrong') }]
    },
    'token',
    'TOKEN_REQUEST_FAILED',
    /Pass the value of the client secret, not its id/,
  ],
  [
    'credentials that are not set up',
    async () => {
      for (const name of Object.keys(process.env)) if (name.startsWith('AZURE_')) vi.stubEnv(name, undefined)
      return [azure().config(), { credential: ['Environment', 'ActiveDirectoryWorkloadIdentity'] }]
    },
    'token',
    'CREDENTIALS_FAILED',
    /Set up one of them here, or choose another way/,
  ],
  [
    'a credential that is throttled',
    async () => {
      entra().inject({ status: 429, retryAfter: 30 })
      return [azure().config({ connectionTimeout: SOON }), { credential: managedIdentity() }]
    },
    'token',
    'TOKEN_REQUEST_THROTTLED',
    /ask less often/,
  ],
  [
    'an identity endpoint that fails',
    async () => {
      entra().inject({ status: 500 })
      return [azure().config({ connectionTimeout: SOON }), { credential: managedIdentity() }]
    },
    'token',
    'TOKEN_REQUEST_FAILED',
    /choose another way to sign in/,
  ],
  [
    'an identity endpoint that hangs up',
    async () => {
      entra().inject({ disconnect: true })
      return [azure().config({ connectionTimeout: SOON }), { credential: managedIdentity() }]
    },
    'token',
    'TOKEN_REQUEST_FAILED',
    /choose another way to sign in/,
  ],
  [
    'a credential that does not answer',
    async () => {
      // Not the endpoint of the cases above: their requests may still arrive there.
      entra().inject({ hang: true, endpoint: 'token' })
      return [azure().config({ connectionTimeout: SOON }), { credential: service() }]
    },
    'token',
    'TOKEN_UNAVAILABLE',
    /No answer yet from ClientSecretCredential\.\nCheck that this machine can reach its endpoint/,
  ],
  [
    'a package that is missing',
    async () => [azure().config(), { credential: 'VisualStudioCode' }],
    'token',
    'DEPENDENCY_MISSING',
    /npm install @azure\/identity-vscode/,
  ],
]

const SESSION: Case[] = [
  ['a dropped session', fault('request', { drop: true }), 'identity', 'CONNECT_FAILED', /check what answers/],
  [
    'a session whose token has expired',
    async () => {
      // What sets the session up passes.
      azure().gateway.inject({ at: 'request', action: { delay: 0 }, times: 1 })
      return fault('request', { refuse: { number: 37396, class: 20 } })()
    },
    'identity',
    'SESSION_TOKEN_EXPIRED',
    /can be run again/,
  ],
]

const CONFIG: Case[] = [
  [
    'an invalid port',
    async () => ['sqlserver://localhost:0;database=app'],
    'connection-string',
    'CONFIG_INVALID',
    /from 1 to 65535/,
  ],
  [
    'user and password',
    async () => ['sqlserver://localhost;database=app;user=sa;password=geheim-und-lang'],
    'connection-string',
    'CONFIG_CREDENTIALS',
    /use @prisma\/adapter-mssql/,
  ],
  [
    'encryption that is turned off',
    async () => ['sqlserver://db.example.test;encrypt=false'],
    'connection-string',
    'CONFIG_PLAINTEXT',
    /Remove it/,
  ],
  [
    'an unknown way to sign in',
    async () => ['sqlserver://localhost;authentication=Windows', { authentication: undefined as never }],
    'connection-string',
    'CONFIG_INVALID',
    /ActiveDirectory/,
  ],
  [
    'a named instance',
    async () => ['sqlserver://localhost\\sales'],
    'connection-string',
    'CONFIG_INVALID',
    /Give the port/,
  ],
]

/** The results of all steps: those that do not need the failed one run all the same. */
describe.each([
  [
    'the login',
    LOGIN,
    /tls:ok entra-logins:ok http-proxy:\w+ token:(ok|warning) login:failed identity:skipped .*clock:\w+ latency:skipped$/,
  ],
  ['the wire', WIRE, /failed (\S+:skipped )*http-proxy:\w+ token:ok login:skipped .*clock:ok latency:skipped$/],
  ['the token', TOKEN, /tls:ok entra-logins:ok http-proxy:\w+ token:failed( \S+:skipped){6}$/],
  [
    'the session',
    SESSION,
    /login:ok identity:failed client-rights:skipped migrate-rights:skipped clock:ok latency:skipped$/,
  ],
  ['the connection string', CONFIG, /^connection-string:failed( \S+:skipped){12}$/],
])('doctor finds what is wrong with %s', (of, cases, steps) => {
  it.each(cases)('%s', async (_name, wrong, step, code, remedy) => {
    const [config, options] = await wrong()
    const { results, statuses, text, json } = await practice.examine(config, options)
    expect(statuses).toMatch(steps)
    const [failed, ...others] = results.filter(({ status }) => status === 'failed')
    expect(others).toEqual([])
    expect(step.split(' or ')).toContain(failed?.id)
    expect(failed?.error).toMatchObject({ code, message: expect.stringMatching(remedy) })
    expect(exitCodeOf(results)).toBe(of === 'the connection string' ? 2 : 1)

    const shown = JSON.parse(json)
    expect(shown.ok).toBe(false)
    const shownStep = shown.steps.find(({ id }: { id: string }) => id === failed?.id)
    expect(shownStep.error).toMatchObject({ code, message: expect.stringMatching(remedy) })
    for (const line of failed?.error?.message.split('\n') ?? []) expect(text).toContain(line)
    expect(secretsIn(text + json, secrets())).toEqual([])
  })
})

function secrets(): string[] {
  return [...entra().issuedTokens, 'opaque'.repeat(20), 'geheim-und-lang', 'A'.repeat(342)]
}
