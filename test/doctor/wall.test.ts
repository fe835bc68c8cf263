import { ClientSecretCredential, ManagedIdentityCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { afterEach, expect, it, vi } from 'vitest'
import type { Claims } from '../../src/credentials/claims.ts'
import { entraRemedy } from '../../src/credentials/failures.ts'
import { CLIENT_RIGHTS, rightsFinding } from '../../src/doctor/database.ts'
import type { DiagnoseOptions } from '../../src/doctor/diagnose.ts'
import { checkHttpProxy, explainUnreachable } from '../../src/doctor/http-proxy.ts'
import { checkConnectionString, privateEndpointWarning } from '../../src/doctor/reach.ts'
import type { StepId } from '../../src/doctor/steps.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { loginRefused } from '../../src/login/refusals.ts'
import { encodeMessage, PacketType } from '../../src/tds/packet.ts'
import { Encryption, encodePrelogin } from '../../src/tds/prelogin.ts'
import { azureMessage } from '../../src/testing/gateway/azure-errors.ts'
import type { FaultAction, FaultError, Stage } from '../../src/testing/gateway/faults.ts'
import { NO_SUCH_HOST } from '../errors/provoke.ts'
import { secretsIn } from '../integration/secrets.ts'
import { freePort } from '../support/free-port.ts'
import { giving, usePractice } from './support.ts'

/*
 * What goes wrong most, and what doctor says to it: the step that fails, why, and what to do. Read it as a list. The
 * helpers at the end make each of these come about.
 */

const practice = usePractice()
afterEach(() => {
  vi.unstubAllEnvs()
})

const HOUR = 3_600_000
const NOW = Date.UTC(2026, 0, 1)
const CLIENT_ID = '00112233-4455-6677-8899-aabbccddeeff'
const OPAQUE = 'opaque'.repeat(20)
const OWN = { credential: () => OPAQUE }
/** How long a connection and a token are waited for if neither comes, in ms. */
const SOON = 1_500

type Row = [what: string, wrong: () => Promise<Said>, step: StepId | 'tcp or tls', cause: RegExp, remedy: RegExp]

it.each<Row>([
  // The connection string
  [
    'a port that is out of range',
    string('sqlserver://localhost:0;database=app'),
    'connection-string',
    /port must be a whole number/,
    /from 1 to 65535/,
  ],
  [
    'a user and a password',
    string('sqlserver://db.example.test;database=app;user=sa;password=geheim-und-lang'),
    'connection-string',
    /remove user, password/,
    /use @prisma\/adapter-mssql for user and password/,
  ],
  [
    'a user and a password of a server on this machine',
    string('sqlserver://localhost;database=app;user=sa;password=geheim-und-lang'),
    'connection-string',
    /only for logins by token/,
    /The adapter logs in with this user and password as they are/,
  ],
  [
    'encryption that is turned off',
    string('sqlserver://db.example.test;encrypt=false'),
    'connection-string',
    /token would cross the network in the clear/,
    /Remove it/,
  ],
  [
    'a way to sign in that does not exist',
    string('sqlserver://localhost;authentication=AzureClj'),
    'connection-string',
    /There is no authentication "AzureClj"/,
    /Did you mean AzureCli\?/,
  ],
  [
    'a named instance',
    string('sqlserver://localhost\\sales'),
    'connection-string',
    /SQL Server Browser is not asked/,
    /Give the port instead/,
  ],
  [
    'a parameter that is misspelt',
    says('connection-string', () => checkConnectionString('sqlserver://localhost;databse=x', OWN).warnings),
    'connection-string',
    /databse is not known/,
    /Did you mean database\?/,
  ],

  // DNS and TCP
  [
    'a host name that does not exist',
    azure(() => ({ server: NO_SUCH_HOST })),
    'dns',
    /DNS has no entry for that name/,
    /Check the host name.*link its private DNS zone/,
  ],
  [
    'a private endpoint whose name resolves to the public address',
    says('dns', () =>
      privateEndpointWarning('s.database.windows.net', ['s.privatelink.database.windows.net'], ['20.1.2.3']),
    ),
    'dns',
    /resolves to a public address here \(20\.1\.2\.3\)/,
    /link the private DNS zone privatelink\.database\.windows\.net/,
  ],
  [
    'the alias of a private endpoint as the host name',
    says('dns', () => privateEndpointWarning('s.privatelink.database.windows.net', [], ['10.0.0.4'])),
    'dns',
    /certificate use only that name/,
    /Connect to s\.database\.windows\.net instead/,
  ],
  [
    'a port that nobody listens on',
    azure(async () => ({ port: await freePort() })),
    'tcp',
    /Nothing listens at that address and port/,
    /Check the host and port \(Azure SQL: 1433\)/,
  ],
  [
    'a connection that is reset at once',
    fault('accept', { reset: true }),
    'tcp or tls',
    /ECONNRESET|hang up|closed/,
    /check what answers at that host and port/,
  ],

  // PRELOGIN and TLS
  [
    'something at the port that is not SQL Server',
    azure(async () => ({ port: await practice.impostor(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')) })),
    'tls',
    /not a SQL Server/,
    /Check the host and port[\s\S]*failed at: PRELOGIN/,
  ],
  [
    'a PRELOGIN without an answer',
    hanging('prelogin'),
    'tls',
    /did not accept the login in time/,
    /longer connectTimeout[\s\S]*failed at: PRELOGIN/,
  ],
  [
    'a TLS handshake without an answer',
    hanging('tls'),
    'tls',
    /did not accept the login in time/,
    /longer connectTimeout[\s\S]*failed at: TLS/,
  ],
  [
    'a certificate of an authority that this machine does not trust',
    azure(() => ({ options: { cryptoCredentialsDetails: {} } })),
    'tls',
    /no certificate authority that this machine trusts has signed it/,
    /trustServerCertificateCA=….*NODE_EXTRA_CA_CERTS/,
  ],
  [
    'a certificate that has expired',
    gateway({}, { notBefore: new Date(Date.now() - 2 * HOUR), notAfter: new Date(Date.now() - HOUR) }),
    'tls',
    /it has expired/,
    /Renew the certificate/,
  ],
  [
    'a certificate that is not valid yet',
    gateway({}, { notBefore: new Date(Date.now() + HOUR) }),
    'tls',
    /it is not valid yet/,
    /Check the clock of this machine/,
  ],
  [
    'a certificate for another host name',
    gateway({}, { hosts: ['elsewhere.test'] }),
    'tls',
    /it is for another host name/,
    /Connect by the name in the certificate[\s\S]*names: elsewhere\.test/,
  ],
  [
    'a server without encryption',
    azure(async () => ({ port: await practice.impostor(preloginAnswer(Encryption.NOT_SUPPORTED)) })),
    'tls',
    /does not offer encryption/,
    /Give the server a certificate/,
  ],
  [
    'a server that requires encryption, and encrypt=false',
    azure(() => ({ options: { encrypt: false } })),
    'tls',
    /only accepts encrypted connections/,
    /Remove encrypt/,
  ],
  [
    'trustServerCertificate where it is not needed',
    azure(() => ({ options: { trustServerCertificate: true } })),
    'tls',
    /set but not needed/,
    /Leave it out/,
  ],
  [
    'a server that speaks no TLS version before 1.3',
    azure(async () => ({ port: await practice.impostor(preloginAnswer(Encryption.ON), wrongTlsVersion()) })),
    'tls',
    /no TLS version or no cipher in common \(ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION\)/,
    /For a server that requires TLS 1\.3, set encrypt=strict/,
  ],
  [
    'TLS options that leave no version for the driver',
    azure(() => ({ options: { cryptoCredentialsDetails: { ca: practice.azure.gateway.ca, maxVersion: 'TLSv1.1' } } })),
    'tls',
    /no TLS version or no cipher in common/,
    /remove minVersion, maxVersion and ciphers[\s\S]*failed at: TLS/,
  ],
  [
    'a server that refuses a login without TLS 1.3',
    refusal(47072),
    'login',
    /requires a later version of TLS/,
    /Remove the TLS options.*encrypt=strict/,
  ],

  // The way to Entra ID
  [
    'a proxy that is not a URL',
    says('http-proxy', () => checkHttpProxy({ HTTPS_PROXY: 'proxy.test' }).warnings),
    'http-proxy',
    /HTTPS_PROXY holds no URL/,
    /such as http:\/\/proxy\.example:8080/,
  ],
  [
    'a proxy between a managed identity and its endpoint',
    says('http-proxy', () => checkHttpProxy({ HTTP_PROXY: 'http://p:1', NO_PROXY: 'localhost' }).warnings),
    'http-proxy',
    /NO_PROXY lacks 169\.254\.169\.254/,
    /Add it/,
  ],
  [
    'a NO_PROXY with ranges and stars',
    says('http-proxy', () => checkHttpProxy({ ALL_PROXY: 'http://p:1', NO_PROXY: '10.0.0.0/8,*.test' }).warnings),
    'http-proxy',
    /10\.0\.0\.0\/8, \*\.test has no effect/,
    /Write host names, addresses and \.domains/,
  ],
  [
    'a proxy that inspects TLS',
    says('token', async () => [String(await explainUnreachable(unreachable(), entra().authorityHost, never()))]),
    'token',
    /does not trust the certificate that answers for .* \([A-Z_]+\): something on the way, such as a proxy, inspects TLS/,
    /set NODE_EXTRA_CA_CERTS to that file/,
  ],

  // The token
  [
    'a wrong client secret',
    doctor(() => [practice.azure.config(), { credential: service('wrong') }]),
    'token',
    /AADSTS7000215: Invalid client secret/,
    /Pass the value of the client secret, not its id/,
  ],
  [
    'a client secret that has expired',
    says('token', () => [aadsts('7000222: The provided client secret keys are expired.')]),
    'token',
    /The client secret has expired/,
    /az ad app credential reset/,
  ],
  [
    'a tenant that does not exist',
    says('token', () => [aadsts("90002: Tenant 'x' not found.")]),
    'token',
    /tenant is in this cloud/,
    /Check tenantId/,
  ],
  [
    'a sign-in that Conditional Access blocks',
    says('token', () => [aadsts('53003: Access has been blocked.')]),
    'token',
    /Conditional Access policy forbids it/,
    /sign-in log names the policy/,
  ],
  [
    'several identities on one machine',
    says('token', () => [entraRemedy('Multiple user assigned identities exist, please specify the clientId') ?? '']),
    'token',
    /several identities/,
    /choose one by its clientId \(clientId=…/,
  ],
  [
    'credentials that are not set up here',
    doctor(() => {
      for (const name of Object.keys(process.env)) if (name.startsWith('AZURE_')) vi.stubEnv(name, undefined)
      return [practice.azure.config(), { credential: ['Environment', 'ActiveDirectoryWorkloadIdentity'] }]
    }),
    'token',
    /EnvironmentCredential: .*lacks AZURE_TENANT_ID/,
    /Set up one of them here, or choose another way/,
  ],
  [
    'a package that a way to sign in needs and is not installed',
    doctor(() => [practice.azure.config(), { credential: 'VisualStudioCode' }]),
    'token',
    /could not be loaded/,
    /npm install @azure\/identity-vscode/,
  ],
  [
    'an identity endpoint that throttles',
    doctor(() => {
      entra().inject({ status: 429, retryAfter: 30 })
      return [practice.azure.config(), { credential: managedIdentity(), rotation: { waitTimeout: SOON } }]
    }),
    'token',
    /Tokens were requested too often/,
    /ask less often/,
  ],
  [
    'an identity endpoint that hangs up',
    doctor(() => {
      entra().inject({ disconnect: true })
      return [practice.azure.config(), { credential: managedIdentity(), rotation: { waitTimeout: SOON } }]
    }),
    'token',
    /ManagedIdentityCredential could not get a token/,
    /choose another way to sign in/,
  ],
  [
    'a credential that does not answer',
    doctor(() => {
      // Not the endpoint of the rows above: their requests may still arrive there.
      entra().inject({ hang: true, endpoint: 'token' })
      return [practice.azure.config(), { credential: service(), rotation: { waitTimeout: SOON } }]
    }),
    'token',
    /No answer yet from ClientSecretCredential/,
    /Check that this machine can reach its endpoint/,
  ],
  [
    'a credential that gives nothing',
    doctor(() => [practice.azure.config(), giving(() => null as never)]),
    'token',
    /gave no token|no token/,
    /pass a credential that can/,
  ],
  [
    'a credential that gives an expired token',
    doctor(() => [
      practice.azure.config(),
      { ...giving(() => entra().issueToken({ lifetime: -60_000 })), rotation: { waitTimeout: SOON } },
    ]),
    'token',
    /expired \d+ s ago/,
    /check the clock of this machine/,
  ],
  [
    'an expiry that is not the token’s, from a credential of your own',
    doctor(() => [practice.azure.config(), giving(() => withExpiry(3 * HOUR))]),
    'token',
    /says that the token expires at .*, the token itself says/,
    /Make getToken\(\) return the token's own exp/,
  ],

  // What the server says to the token
  [
    'a server without Entra logins',
    azure(() => {
      const { port, encrypt, trustServerCertificate } = practice.azure.upstream
      return { port, options: { encrypt, trustServerCertificate } }
    }),
    'entra-logins',
    /does not accept Microsoft Entra logins/,
    /use @prisma\/adapter-mssql with a user and password/,
  ],
  [
    'a token for another audience',
    token({ audience: 'https://graph.microsoft.com/' }),
    'login',
    /it is for https:\/\/graph\.microsoft\.com\/, but the server expects https:\/\/database\.windows\.net\//,
    /remove the option scope/,
  ],
  [
    'a token of another tenant',
    token({
      claims: {
        tid: '99999999-0000-4000-8000-000000000001',
        iss: 'https://sts.windows.net/99999999-0000-4000-8000-000000000001/',
      },
    }),
    'login',
    /token's tenant \(99999999.*\) is not the server's/,
    /Set tenantId to the server's tenant/,
  ],
  [
    'a clock of the issuer that is ahead',
    token({ notBefore: Date.now() + 10 * 60_000, lifetime: 2 * HOUR }),
    'login',
    /not valid yet: it is valid from/,
    /Synchronize this machine's clock/,
  ],
  [
    'a clock of this machine that is behind',
    refused({ number: 18456, message: "Login failed for user '<token-identified principal>'. Token is expired." }),
    'login',
    /expired by the server's clock\..*this clock is at least \d+ s behind/,
    /Synchronize this machine's clock/,
  ],
  [
    'an expired token from a credential that says otherwise',
    doctor(async () => {
      const { token: expired } = await entra().issueToken({ lifetime: -60_000 })
      return [practice.azure.config(), giving(() => ({ token: expired, expiresOnTimestamp: Date.now() + HOUR }))]
    }),
    'login',
    /has expired, at .* ago/,
    /Make the credential return a valid token/,
  ],
  [
    'a token that was tampered with',
    doctor(async () => {
      const issued = await entra().issueToken()
      const [header, payload] = issued.token.split('.')
      return [practice.azure.config(), giving(() => ({ ...issued, token: `${header}.${payload}.${'A'.repeat(342)}` }))]
    }),
    'login',
    /could not verify the token, which https:\/\/sts\.windows\.net\/.* issued/,
    /pass it on unchanged/,
  ],
  [
    'a string that is no token',
    doctor(() => [practice.azure.config(), giving(() => ({ token: OPAQUE, expiresOnTimestamp: Date.now() + HOUR }))]),
    'login',
    /is not a JSON Web Token/,
    /Make it return an access token for https:\/\/database\.windows\.net\//,
  ],

  // The user
  [
    'an application without a user',
    gateway({ principals: {} }),
    'login',
    /gives no reason\. Most likely "local-app" has no user in the database/,
    /CREATE USER \[local-app\] FROM EXTERNAL PROVIDER;\n.*db_datareader.*\n.*db_datawriter.*\n.*33134.*\n.*TYPE = E;/,
  ],
  [
    'a person without a user',
    withoutUser(),
    'login',
    /Most likely "ann@contoso\.com" has no user in the database "app"/,
    /CREATE USER \[ann@contoso\.com\] WITH SID = 0x78563412BC9AF0DE0123456789ABCDEF, TYPE = E;/,
  ],
  [
    'a guest without a user',
    withoutUser({ upn: 'bob_smith_fabrikam.com#EXT#@contoso.onmicrosoft.com' }),
    'login',
    /"bob_smith@fabrikam\.com" has no user/,
    /CREATE USER \[bob_smith@fabrikam\.com\] FROM EXTERNAL PROVIDER;/,
  ],
  [
    'a member of a group without a user',
    withoutUser({ groups: [CLIENT_ID] }),
    'login',
    /"ann@contoso\.com" has no user/,
    /one of its groups instead[\s\S]*CREATE USER \[GROUP\] WITH SID = 0x33221100554477668899AABBCCDDEEFF, TYPE = X;.*[\s\S]*az ad group show/,
  ],
  [
    'an application whose token does not say its name',
    withoutUser({ idtyp: 'app', upn: undefined }),
    'login',
    /the application 00112233-4455-6677-8899-aabbccddeeff has no user/,
    /az ad sp show --id 00112233[\s\S]*CREATE USER \[NAME\] WITH SID = 0x33221100554477668899AABBCCDDEEFF, TYPE = E;/,
  ],
  [
    'a missing user and a clock of this machine that is ahead',
    withoutUser({}, { ahead: 2 * HOUR }),
    'login',
    /the token expired 3600 s ago, but the server did not object: the clock is probably ahead/,
    /CREATE USER \[ann@contoso\.com\][\s\S]*Synchronize it \(NTP\)/,
  ],
  [
    'a missing user and a clock of this machine that is behind',
    withoutUser({}, { ahead: -HOUR }),
    'login',
    /not valid for another 3300 s, but the server did not object: the clock is probably behind/,
    /CREATE USER \[ann@contoso\.com\][\s\S]*Synchronize it \(NTP\)/,
  ],
  [
    'an identity without permission in Fabric',
    withoutUser({}, { server: 'x.database.fabric.microsoft.com' }),
    'login',
    /has no permission on this Fabric item/,
    /Read permission.*Service principals can use Fabric APIs/,
  ],
  [
    'a login without a user in the database',
    refusal(916),
    'login',
    /The server knows "ann@contoso\.com", but the database does not/,
    /CREATE USER \[ann@contoso\.com\] FROM EXTERNAL PROVIDER/,
  ],
  [
    'a user without rights',
    says('client-rights', () => [String(rightsFinding({ schema: 1 }, CLIENT_RIGHTS, 'app', 'dbo').error)]),
    'client-rights',
    /"app" has no right to CONNECT, SELECT, INSERT, UPDATE, DELETE in the schema dbo/,
    /ALTER ROLE db_datareader ADD MEMBER \[app\];\n {2}ALTER ROLE db_datawriter ADD MEMBER \[app\];/,
  ],

  // The server and the database
  [
    'a database name that does not exist',
    azure(() => ({ database: 'no_such_database' })),
    'login',
    /has no database "no_such_database", or "local-app" has no user in it/,
    /Check the names of the database[\s\S]*CREATE USER \[local-app\]/,
  ],
  [
    'a firewall',
    refused({ number: 40615 }),
    'login',
    /firewall blocks 203\.0\.113\.7/,
    /az sql server firewall-rule create .*--start-ip-address 203\.0\.113\.7[\s\S]*EXEC sp_set_firewall_rule/,
  ],
  [
    'a subnet without access',
    refusal(40914),
    'login',
    /only accepts connections from certain subnets/,
    /az sql server vnet-rule create/,
  ],
  [
    'a server without public access',
    refusal(47073),
    'login',
    /only accepts connections through its private endpoint/,
    /Connect from inside its virtual network/,
  ],
  [
    'a paused database',
    refusal(40613),
    'login',
    /paused, moving to another node, or busy/,
    /connecting wakes a paused serverless database/,
  ],
  [
    'a paused dedicated SQL pool',
    refusal(42108),
    'login',
    /dedicated SQL pool is paused/,
    /az synapse sql pool resume/,
  ],
  ['too many connections', refusal(10928), 'login', /at its limit of sessions or workers/, /Open fewer connections/],
  [
    'a server name that Azure does not know',
    refusal(40532),
    'login',
    /it knows no server named/,
    /Connect by the full name of the server/,
  ],
  [
    'a refusal for any other reason',
    refusal(18470, 'The account is disabled.'),
    'login',
    /The account is disabled\. \(error 18470, state 1\)/,
    /Look up error 18470/,
  ],
  [
    'a LOGIN7 without an answer',
    hanging('login'),
    'login',
    /did not accept the login in time/,
    /longer connectTimeout[\s\S]*failed at: LOGIN7/,
  ],
  [
    'a LOGIN7 that is answered by a reset',
    fault('login', { reset: true }),
    'login',
    /No connection to the server could be opened/,
    /check what answers[\s\S]*failed at: LOGIN7/,
  ],
  [
    'a redirect to a closed port',
    doctor(async () => {
      const port = await freePort()
      practice.azure.gateway.inject({ at: 'login', action: { redirect: { host: 'localhost', port } } })
      return [practice.azure.config()]
    }),
    'login',
    /Nothing listens at that address and port/,
    /Check the host and port[\s\S]*failed at: TCP\n {2}redirected to: localhost:\d+/,
  ],
  [
    'a session that is cut at its first batch',
    fault('request', { drop: true }),
    'login',
    /No connection to the server could be opened/,
    /check what answers[\s\S]*failed at: the first SQL batch/,
  ],
  [
    'a session whose token has expired',
    doctor(async () => {
      // What sets the session up passes.
      practice.azure.gateway.inject({ at: 'request', action: { delay: 0 }, times: 1 })
      practice.azure.gateway.inject({ at: 'request', action: { refuse: { number: 37396, class: 20 } } })
      return [practice.azure.config()]
    }),
    'identity',
    /ended the session because the token/,
    /can be run again/,
  ],
])('doctor explains %s', async (_what, wrong, step, cause, remedy) => {
  const said = await wrong()
  expect(step.split(' or ')).toContain(said.step)
  expect(said.text).toMatch(cause)
  expect(said.text).toMatch(remedy)
  expect(secretsIn(said.text, [...entra().issuedTokens, OPAQUE, 'geheim-und-lang', 'A'.repeat(342)])).toEqual([])
})

it.each([3 * HOUR, 600_000])(
  'doctor does not blame a right clock for a wrong expiry (in %i ms), nor for a missing user',
  async (expiry) => {
    const config = await practice.gateway({ principals: {} })
    const { step } = await practice.examine(
      config,
      giving(() => withExpiry(expiry)),
    )
    expect(step('login').error?.message).toMatch(/gives no reason\. Most likely "local-app" has no user/)
    expect(step('login').error?.message).not.toMatch(/clock/)
    expect(step('clock')).toMatchObject({ status: 'ok', summary: 'nothing to compare it with' })
    expect(step('token').warnings).toEqual([expect.stringContaining('the token itself says')])
  },
)

/** A token that lives for an hour, as a credential that gives another expiry. @param expiry - in ms from now */
async function withExpiry(expiry: number) {
  const { token } = await entra().issueToken({ lifetime: HOUR })
  return { token, expiresOnTimestamp: Date.now() + expiry }
}

/** The step that failed or warns, and all that was written. */
interface Said {
  step: StepId
  text: string
}

/** Runs doctor, in which one step fails, or else one warns. */
function doctor(wrong: () => Wrong | Promise<Wrong>): () => Promise<Said> {
  return async () => {
    const { results, text, json } = await practice.examine(...(await wrong()))
    const failed = results.filter(({ status }) => status === 'failed')
    const [only, ...others] = failed.length > 0 ? failed : results.filter(({ status }) => status === 'warning')
    expect(others).toEqual([])
    expect(only).toBeDefined()
    const shown = JSON.parse(json).steps.find(({ id }: { id: string }) => id === only?.id)
    expect(shown.error === null ? shown.warnings[0] : shown.error.message).not.toBe('')
    return { step: only?.id as StepId, text }
  }
}

/** A config that is wrong, and options for doctor. */
type Wrong = [config: MssqlConfig | string, options?: DiagnoseOptions]

function string(wrong: string): () => Promise<Said> {
  return doctor(() => [wrong])
}

function azure(config: () => Partial<MssqlConfig> | Promise<Partial<MssqlConfig>>): () => Promise<Said> {
  return doctor(async () => [practice.azure.config(await config())])
}

function fault(at: Stage, action: FaultAction, config: Partial<MssqlConfig> = {}): () => Promise<Said> {
  return doctor(() => {
    practice.azure.gateway.inject({ at, action })
    return [practice.azure.config(config)]
  })
}

function hanging(at: Stage): () => Promise<Said> {
  return fault(at, { hang: true }, { connectionTimeout: SOON })
}

function refused(refuse: FaultError): () => Promise<Said> {
  return fault('login', { refuse })
}

function gateway(...made: Parameters<typeof practice.gateway>): () => Promise<Said> {
  return doctor(async () => [await practice.gateway(...made)])
}

/** A token that is not what it should be. */
function token(...issue: Parameters<ReturnType<typeof entra>['issueToken']>): () => Promise<Said> {
  return doctor(() => [practice.azure.config(), giving(() => entra().issueToken(...issue))])
}

/** What a check says, without a run of doctor. */
function says(
  step: StepId,
  check: () => readonly string[] | undefined | Promise<readonly string[]>,
): () => Promise<Said> {
  return async () => ({ step, text: ((await check()) ?? []).join('\n') })
}

/** What is said to 18456 without a reason. @param ahead - how far this machine's clock is ahead, in ms */
function withoutUser(claims: Claims = {}, { ahead = 0, server = 'sql.example.test' } = {}): () => Promise<Said> {
  return refusal(18456, "Login failed for user '<token-identified principal>'.", claims, NOW + ahead, server)
}

/** What is said to a refusal of a login, without a run of doctor. */
function refusal(
  number: number,
  message = azureMessage(number),
  claims: Claims = {},
  now = NOW,
  server = 'sql.example.test',
): () => Promise<Said> {
  const all = {
    aud: 'https://database.windows.net/',
    nbf: NOW / 1000 - 300,
    exp: NOW / 1000 + 3600,
    idtyp: 'user',
    upn: 'ann@contoso.com',
    oid: '12345678-9abc-def0-0123-456789abcdef',
    appid: CLIENT_ID,
    ...claims,
  }
  const context = { server, database: 'app', audience: all.aud, claims: all, now }
  return says('login', () => [loginRefused({ number, state: 1, message }, context).message])
}

function entra() {
  return practice.azure.authority
}

function managedIdentity() {
  for (const [name, value] of Object.entries(entra().environment('app-service'))) vi.stubEnv(name, value)
  return new ManagedIdentityCredential({ retryOptions: { maxRetries: 0 } })
}

function service(secret = entra().principal('local-service').secret ?? '') {
  const { tenantId, clientId } = entra().principal('local-service')
  return new ClientSecretCredential(tenantId, clientId, secret, entra().clientOptions())
}

/** What is done about an error of Entra ID. */
function aadsts(text: string): string {
  return entraRemedy(`ClientSecretCredential could not get a token: AADSTS${text}`) ?? ''
}

function unreachable(): EntraError {
  return new EntraError('TOKEN_REQUEST_FAILED', 'X could not get a token: endpoints_resolution_error: See …')
}

function never(): AbortSignal {
  return new AbortController().signal
}

function preloginAnswer(encryption: number): Buffer {
  const version = { major: 16, minor: 0, build: 1000 }
  return encodeMessage(PacketType.TABULAR_RESULT, encodePrelogin({ version, encryption, fedAuthRequired: true }))
}

/** TLS's fatal alert `protocol_version` (RFC 8446, 6.2), in TDS. */
function wrongTlsVersion(): Buffer {
  return encodeMessage(PacketType.PRELOGIN, Buffer.from([21, 3, 3, 0, 2, 2, 70]))
}
