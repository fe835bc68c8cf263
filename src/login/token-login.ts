import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { refusePlaintext } from '../config/address.ts'
import { claimsOf } from '../credentials/claims.ts'
import { EntraError, textOf } from '../errors/entra-error.ts'
import { encodeFedAuthRequest, Feature, type FeatureData, FedAuthLibrary } from '../tds/features.ts'
import { LoginRefusedError, type LoginToken } from '../tds/login-response.ts'
import { CLIENT_ID, knowsFeatures, type Login7, TdsVersion } from '../tds/login7.ts'
import type { Routing } from '../tds/tokens.ts'
import type { Clock } from '../time/clock.ts'
import { connectToServer, type LoginAnswer, logIn } from './client-login.ts'
import { withinConnectTimeout } from './connect.ts'
import { loginRefused } from './refusals.ts'
import { databaseOf, followRedirects, type Target } from './target.ts'

/** A session that was opened with a token. */
export interface UpstreamSession {
  socket: Socket
  stream: Duplex
  /** The server's answer to the login. */
  tokens: LoginToken[]
  spid: number
  /** The redirects that the login followed, in their order. */
  redirects: readonly Routing[]
}

/** Bits of LOGIN7's option flags (MS-TDS 2.2.6.4). */
const INTEGRATED_SECURITY = 0x80
const READ_ONLY_INTENT = 0x20
const CHANGE_PASSWORD = 0x01

/**
 * Logs in with a token, and otherwise as a client requests. Follows redirects.
 *
 * @param options - `audience`: of the server's tokens, for errors; `signal`: destroys the connection at any time, also
 * after the login
 * @throws {@link EntraError} as the adapter does if no connection can be opened, with the server's number if it gave one
 */
export async function logInWithToken(
  target: Target,
  login: Login7,
  token: string,
  { audience, clock, signal }: { audience: string; clock: Clock; signal: AbortSignal },
): Promise<UpstreamSession> {
  const redirects: Routing[] = []
  const progress = { reached: false }
  const logInAt = async (server: Target, within: AbortSignal): Promise<UpstreamSession | { routing: Routing }> => {
    progress.reached = false
    const onConnect = (socket: Socket) => {
      progress.reached = true
      refusePlaintext(server.host, server.encrypt, socket.remoteAddress ?? '')
    }
    const { socket, stream, prelogin } = await connectToServer(server, { signal: within, fedAuth: true, onConnect })
    try {
      const answer = await logIn(stream, withToken(login, server, token, prelogin.fedAuthRequired ?? false))
      if (answer.kind === 'refused') throw refused(answer)
      if (answer.kind === 'accepted') {
        if (!acknowledgesToken(answer.tokens)) throw tokenIgnored()
        return { socket, stream, tokens: answer.tokens, spid: answer.spid, redirects }
      }
      socket.destroy()
      return answer
    } catch (error) {
      socket.destroy()
      throw error
    }
  }
  const refused = ({ message, tokens }: Extract<LoginAnswer, { kind: 'refused' }>) => {
    const messages = tokens.flatMap((each) => (each.kind === 'error' ? [each.message] : []))
    const database = databaseOf(login, target) || undefined
    const context = { server: target.host, database, audience, claims: claimsOf(token), now: clock.now() }
    return loginRefused(message, context, new LoginRefusedError(messages))
  }
  try {
    return await withinConnectTimeout(target, progress, { clock, signal }, (within) =>
      followRedirects(target, (server) => logInAt(server, within), redirects),
    )
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof EntraError ? withRedirect(error, redirects.at(-1)) : error
  }
}

/** The error with the server that it is about, if the login was redirected there. */
function withRedirect(error: EntraError, last: Routing | undefined): EntraError {
  if (last === undefined) return error
  const { code, number, state, cause } = error
  const text = `${textOf(error)}\nThe login was redirected to ${last.host}:${last.port}.`
  return new EntraError(code, text, { number, state, cause })
}

function tokenIgnored(): EntraError {
  return new EntraError(
    'ENTRA_LOGIN_UNSUPPORTED',
    'The server accepted the login but ignored the token: it does not support Entra logins. ' +
      'Sign in there with a user and password, without this proxy.',
  )
}

/**
 * A client's LOGIN7 with a token instead of user and password.
 *
 * @param echo - what the server's PRELOGIN said about FEDAUTHREQUIRED
 */
export function withToken(
  login: Login7,
  target: Omit<Target, 'port' | 'trustServerCertificate' | 'connectTimeout'>,
  token: string,
  echo: boolean,
): Login7 {
  const { host, loginName = host, encrypt, applicationName = '', language = '', readOnly = false } = target
  const [flags1, flags2, typeFlags, flags3] = login.flags
  const request = encodeFedAuthRequest({ library: FedAuthLibrary.SECURITY_TOKEN, echo, token })
  // Before TDS 7.4 there are no Entra logins. TDS 8 is TDS 7.4 within TLS, and only for servers reached that way.
  const fits = login.tdsVersion === TdsVersion.TDS_8_0 ? encrypt === 'strict' : knowsFeatures(login.tdsVersion)
  return {
    ...login,
    packetSize: packetSizeFor(login.packetSize, encrypt !== false),
    clientProcessId: login.clientProcessId || process.pid,
    clientId: login.clientId.some((byte) => byte !== 0) ? login.clientId : CLIENT_ID,
    tdsVersion: fits ? login.tdsVersion : TdsVersion.TDS_7_4,
    flags: [
      flags1,
      flags2 & ~INTEGRATED_SECURITY,
      readOnly ? typeFlags | READ_ONLY_INTENT : typeFlags,
      flags3 & ~CHANGE_PASSWORD,
    ],
    userName: '',
    password: '',
    changePassword: '',
    sspi: Buffer.alloc(0),
    serverName: loginName,
    database: databaseOf(login, target),
    applicationName: login.applicationName || applicationName,
    language: login.language || language,
    features: [{ id: Feature.FEDAUTH, data: request }, ...passedFeatures(login.features)],
  }
}

/** SQL Server's largest packet under TLS, in bytes: it must fit a record (corefx #17577). */
const MAX_ENCRYPTED_PACKET = 16_383

/**
 * The packet size to ask for. The server's answer goes to the client, so both ends of the proxy use the same one. A
 * client that ignores the answer is disconnected, as it would be without a proxy.
 */
export function packetSizeFor(requested: number, encrypted: boolean): number {
  return encrypted ? Math.min(requested, MAX_ENCRYPTED_PACKET) : requested
}

/** A server that accepts a token must say so (MS-TDS 3.2.5.4), if only after a token of unknown type. */
export function acknowledgesToken(tokens: readonly LoginToken[]): boolean {
  return tokens.some(
    (token) =>
      token.kind === 'unknown' ||
      (token.kind === 'features' && token.features.some(({ id }) => id === Feature.FEDAUTH)),
  )
}

/**
 * The features that a client may use through the proxy. They only change what the session says, which is passed on
 * unchanged. The proxy does not ask for any other, and the client does without it, as on an older server.
 */
const PASSED_FEATURES: ReadonlySet<number> = new Set([
  // State that the client brings along when it reconnects.
  Feature.SESSION_RECOVERY,
  // Always Encrypted: the client gets its keys itself, and only the server reads what it sends.
  Feature.COLUMN_ENCRYPTION,
  // Messages of transaction managers, within the session.
  Feature.GLOBAL_TRANSACTIONS,
  // Types and tokens within results.
  Feature.DATA_CLASSIFICATION,
  Feature.UTF8_SUPPORT,
  Feature.JSON_SUPPORT,
  Feature.VECTOR_SUPPORT,
  // The client's name and version, for the server's statistics. It is not answered.
  Feature.USER_AGENT,
])

/*
 * Known, but left out:
 * - FEDAUTH: the proxy sends its own.
 * - AZURE_SQL_SUPPORT: promises that a failover partner accepts logins. The client would connect to it directly, past
 *   the proxy, with a made-up password.
 * - AZURE_SQL_DNS_CACHING: makes the client remember the address of the server, here that of the short-lived proxy.
 * - ENHANCED_ROUTING: lets the server redirect the client past the proxy. SqlClient 7 and JDBC 13.5 always ask for it
 *   (SqlClient #3641, mssql-jdbc #2935).
 */

/** The features to ask for upstream on behalf of a client. */
export function passedFeatures(asked: readonly FeatureData[]): FeatureData[] {
  return asked.filter(({ id }) => PASSED_FEATURES.has(id))
}
