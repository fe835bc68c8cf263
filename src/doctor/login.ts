import { hostname } from 'node:os'
import { reasonOf } from '../errors/entra-error.ts'
import { beginLogin, connectToServer, type ServerConnection } from '../login/client-login.ts'
import { withinConnectTimeout } from '../login/connect.ts'
import { loginRefused } from '../login/refusals.ts'
import { redirected, type Target } from '../login/target.ts'
import { logInWithToken, MAX_REDIRECTS, tooManyRedirects, type UpstreamSession } from '../login/token-login.ts'
import { encodeFedAuthRequest, Feature, type FedAuthInfo, FedAuthLibrary } from '../tds/features.ts'
import type { LoginToken } from '../tds/login-response.ts'
import { CLIENT_ID, type Login7, TdsVersion } from '../tds/login7.ts'
import type { Clock } from '../time/clock.ts'
import type { Finding } from './steps.ts'

/** What drivers ask for in a login, and nothing unusual. */
const LOGIN7: Login7 = {
  tdsVersion: TdsVersion.TDS_7_4,
  packetSize: 4096,
  clientProgramVersion: 0,
  clientProcessId: process.pid,
  connectionId: 0,
  // The login fails if the database or the language does not exist (MS-TDS 2.2.6.4).
  flags: [0xe0, 0x03, 0, 0x08],
  timeZone: 0,
  lcid: 0x0409,
  hostName: hostname(),
  userName: '',
  password: '',
  applicationName: 'prisma-mssql-entra doctor',
  serverName: '',
  libraryName: 'prisma-adapter-mssql-entra',
  language: '',
  database: '',
  clientId: CLIENT_ID,
  sspi: Buffer.alloc(0),
  attachDatabaseFile: '',
  changePassword: '',
  features: [],
}

/** MS-TDS 2.2.6.4: the server says where tokens come from in any workflow. */
const WORKFLOW_INTEGRATED = 0x02

/**
 * Begins a login as a client that has no token yet. A server that accepts Entra logins then says where to get a token
 * (FEDAUTHINFO), and doctor hangs up. Redirects are followed. Any other answer decides nothing, and the login itself
 * will show, unless the server asked for a user and a password.
 *
 * @returns what the server said about its tokens; null if it said nothing
 */
export async function checkEntraLogins(
  target: Target,
  audience: string,
  connection: ServerConnection,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding<FedAuthInfo | null>> {
  let tokens: readonly LoginToken[]
  let server = target
  try {
    ;[tokens, server] = await withinConnectTimeout(target, { reached: true }, { clock, signal }, (within) =>
      beginWithoutToken(connection, target, within),
    )
  } catch (error) {
    signal.throwIfAborted()
    return undecided(reasonOf(error))
  } finally {
    connection.socket.destroy()
  }
  for (const token of tokens) if (token.kind === 'fedAuthInfo') return accepted(token.info, server, target)
  for (const token of tokens) {
    if (token.kind !== 'error') continue
    const { host, database } = target
    const context = { server: host, database, audience, claims: undefined, now: clock.now() }
    const refusal = loginRefused(token.message, context)
    if (refusal.code === 'ENTRA_LOGIN_UNSUPPORTED') throw refusal
    return undecided(reasonOf(refusal))
  }
  return undecided(connection.prelogin.fedAuthRequired ? 'It says so in PRELOGIN only.' : 'It did not mention them.')
}

/** Asks one server after the other, until one does not redirect; what it said, and which server it was. */
async function beginWithoutToken(
  first: ServerConnection,
  target: Target,
  signal: AbortSignal,
): Promise<[tokens: readonly LoginToken[], server: Target]> {
  let [server, connection] = [target, first]
  for (let redirects = 0; ; redirects++) {
    const { socket, stream, prelogin } = connection
    const cut = () => socket.destroy(signal.reason)
    signal.addEventListener('abort', cut)
    try {
      const echo = prelogin.fedAuthRequired ?? false
      const data = encodeFedAuthRequest({ library: FedAuthLibrary.ADAL, echo, workflow: WORKFLOW_INTEGRATED })
      const { tokens } = await beginLogin(stream, {
        ...LOGIN7,
        serverName: server.loginName ?? server.host,
        database: server.database ?? '',
        features: [{ id: Feature.FEDAUTH, data }],
      })
      const routing = tokens.find((token) => token.kind === 'routing')
      if (routing?.kind !== 'routing') return [tokens, server]
      if (redirects === MAX_REDIRECTS) throw tooManyRedirects()
      server = redirected(target, routing.routing)
    } finally {
      signal.removeEventListener('abort', cut)
      socket.destroy()
    }
    connection = await connectToServer(server, { signal, fedAuth: true })
  }
}

function accepted(info: FedAuthInfo, server: Target, target: Target): Finding<FedAuthInfo> {
  const { stsUrl: tokensFrom, spn: audience } = info
  const redirectedTo = server === target ? undefined : `${server.loginName ?? server.host}:${server.port}`
  const by = redirectedTo === undefined ? '' : ` by ${redirectedTo}, to which the login is redirected`
  return {
    value: info,
    summary: `accepted${by}; tokens from ${tokensFrom}`,
    details: { tokensFrom, audience, redirectedTo },
  }
}

function undecided(why: string): Finding<null> {
  const warnings = [`The server did not say whether it accepts Entra logins. ${why}`]
  return { value: null, summary: 'not known before the login', warnings }
}

/** Logs in once, and does not wait for a database that is not ready. @throws EntraError */
export async function checkLogin(
  target: Target,
  audience: string,
  token: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding<true>> {
  const { redirects, spid } = await logInAndOut(target, audience, token, clock, signal)
  const to = redirects.map(({ host, port }) => `${host}:${port}`)
  return {
    value: true,
    summary: `accepted, ${to.length === 0 ? 'no redirect' : `redirected to ${to.join(', and from there to ')}`}`,
    details: {
      redirects: to.length,
      redirectedTo: to.length === 0 ? undefined : to,
      session: spid === 0 ? undefined : spid,
    },
  }
}

/** Logs in, from DNS on, and closes the connection. @throws EntraError */
export async function logInAndOut(
  target: Target,
  audience: string,
  token: string,
  clock: Clock,
  signal: AbortSignal,
  applicationName: string = LOGIN7.applicationName,
): Promise<UpstreamSession> {
  const login = { ...LOGIN7, applicationName }
  const session = await logInWithToken(target, login, token, { audience, clock, signal })
  session.socket.destroy()
  return session
}
