import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { refusePlaintext } from '../config/address.ts'
import { claimsOf } from '../credentials/claims.ts'
import { EntraError, textOf } from '../errors/entra-error.ts'
import { encodeFedAuthRequest, Feature, type FeatureData, FedAuthLibrary } from '../tds/features.ts'
import { LoginRefusedError, type LoginToken } from '../tds/login-response.ts'
import { CLIENT_ID, type Login7, TdsVersion } from '../tds/login7.ts'
import type { Routing } from '../tds/tokens.ts'
import type { Clock } from '../time/clock.ts'
import { connectToServer, type LoginAnswer, logIn } from './client-login.ts'
import { withinConnectTimeout } from './connect.ts'
import { connectFailed } from './connect-failures.ts'
import { loginRefused } from './refusals.ts'
import { databaseOf, redirected, type Target } from './target.ts'
import type { LoginContext } from './token-refusal.ts'

/** A session that was opened with a token. */
export interface UpstreamSession {
  socket: Socket
  stream: Duplex
  /** The server's answer to the login. */
  tokens: LoginToken[]
  spid: number
  /** Where the login was sent to by the server, one after the other. */
  redirects: readonly Routing[]
}

/** SqlClient's limit. */
export const MAX_REDIRECTS = 10

/** Bits of LOGIN7's option flags (MS-TDS 2.2.6.4). */
const INTEGRATED_SECURITY = 0x80
const CHANGE_PASSWORD = 0x01

/** What {@link logInWithToken} needs beside the login. */
export interface UpstreamOptions {
  /** What the tokens of the server are for, for what is said of one that it refuses. */
  audience: string
  clock: Clock
  /** Destroys the connection at any time, also after the login. */
  signal: AbortSignal
}

/**
 * Logs in with a token and otherwise a client's own wishes, following redirects.
 *
 * @throws {@link EntraError} as the adapter does where no connection can be opened, with the server's number if it gave
 * one
 */
export async function logInWithToken(
  target: Target,
  wishes: Login7,
  token: string,
  { audience, clock, signal }: UpstreamOptions,
): Promise<UpstreamSession> {
  const attempt: Attempt = { wishes, token, reached: false, redirects: [] }
  try {
    return await withinConnectTimeout(target, attempt, { clock, signal }, async (within) => {
      const { answer, ...session } = await followRedirects(target, attempt, within)
      if (answer.kind === 'refused') {
        const messages = answer.tokens.flatMap((each) => (each.kind === 'error' ? [each.message] : []))
        const context: LoginContext = {
          server: target.host,
          database: databaseOf(wishes, target) || undefined,
          audience,
          claims: claimsOf(token),
          now: clock.now(),
        }
        throw loginRefused(answer.message, context, new LoginRefusedError(messages))
      }
      if (!acknowledgesToken(answer.tokens)) {
        session.socket.destroy()
        throw withoutToken()
      }
      return { ...session, redirects: attempt.redirects, tokens: answer.tokens, spid: answer.spid }
    })
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof EntraError ? redirectedError(error, attempt.redirects) : error
  }
}

/** One login, over all of its redirects. */
interface Attempt {
  readonly wishes: Login7
  readonly token: string
  /** Whether the server that it stands at was reached. */
  reached: boolean
  readonly redirects: Routing[]
}

type Settled = Exclude<LoginAnswer, { kind: 'routed' }>

async function followRedirects(
  target: Target,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<{ socket: Socket; stream: Duplex; answer: Settled }> {
  const { wishes, token, redirects } = attempt
  let at = target
  for (;;) {
    attempt.reached = false
    const onConnect = (socket: Socket) => {
      attempt.reached = true
      refusePlaintext(at.host, at.encrypt, socket.remoteAddress ?? '')
    }
    const { socket, stream, prelogin } = await connectToServer(at, { signal, fedAuth: true, onConnect })
    try {
      const login = withToken(wishes, at, token, prelogin.fedAuthRequired ?? false)
      const answer = await logIn(stream, login)
      if (answer.kind !== 'accepted') socket.destroy()
      if (answer.kind !== 'routed') return { socket, stream, answer }
      if (redirects.length === MAX_REDIRECTS) throw tooManyRedirects()
      redirects.push(answer.routing)
      at = redirected(target, answer.routing)
    } catch (error) {
      socket.destroy()
      throw error
    }
  }
}

/** What to throw where there were more. */
export function tooManyRedirects(): EntraError {
  return connectFailed(new Error(`the server redirected the login more than ${MAX_REDIRECTS} times`), false)
}

/** Says which server it was, where the login was sent to another than the one that was asked for. */
function redirectedError(error: EntraError, redirects: readonly Routing[]): EntraError {
  const last = redirects.at(-1)
  if (last === undefined) return error
  const { code, number, state, cause } = error
  const text = `${textOf(error)}\nThe login had been redirected to ${last.host}:${last.port}.`
  return new EntraError(code, text, { number, state, ...(cause !== undefined && { cause }) })
}

function withoutToken(): EntraError {
  return new EntraError(
    'ENTRA_LOGIN_UNSUPPORTED',
    'The server took the login without looking at the token: it does not know Entra logins. ' +
      'Sign in there by user and password, without this proxy.',
  )
}

/**
 * LOGIN7 with the client's wishes and the token instead of user and password.
 *
 * @param echo - what the server's PRELOGIN said of FEDAUTHREQUIRED
 */
export function withToken(
  wishes: Login7,
  { host, loginName = host, database, encrypt }: Pick<Target, 'host' | 'loginName' | 'database' | 'encrypt'>,
  token: string,
  echo: boolean,
): Login7 {
  const [flags1, flags2, typeFlags, flags3] = wishes.flags
  const request = encodeFedAuthRequest({ library: FedAuthLibrary.SECURITY_TOKEN, echo, token })
  return {
    ...wishes,
    packetSize: packetSizeFor(wishes.packetSize, encrypt !== false),
    clientProcessId: wishes.clientProcessId || process.pid,
    clientId: wishes.clientId.some((byte) => byte !== 0) ? wishes.clientId : CLIENT_ID,
    // TDS 8 is TDS 7.4 within TLS, and its number is for servers that were met so.
    tdsVersion:
      wishes.tdsVersion === TdsVersion.TDS_8_0 && encrypt !== 'strict' ? TdsVersion.TDS_7_4 : wishes.tdsVersion,
    flags: [flags1, flags2 & ~INTEGRATED_SECURITY, typeFlags, flags3 & ~CHANGE_PASSWORD],
    userName: '',
    password: '',
    changePassword: '',
    sspi: Buffer.alloc(0),
    serverName: loginName,
    database: databaseOf(wishes, { database }),
    features: [{ id: Feature.FEDAUTH, data: request }, ...passedFeatures(wishes.features)],
  }
}

/** SQL Server's largest packet under TLS, in bytes: it must fit a record (corefx #17577). */
const MAX_ENCRYPTED_PACKET = 16_383

/**
 * The packet size to ask for. The server's answer goes to the client, so that both ends of the proxy agree on one: a
 * client that does not listen to it is hung up on, as it would be without a proxy.
 */
export function packetSizeFor(wish: number, encrypted: boolean): number {
  return encrypted ? Math.min(wish, MAX_ENCRYPTED_PACKET) : wish
}

/** Whether the server took the token: it must say so (MS-TDS 3.2.5.4), if not behind a token that is not known. */
export function acknowledgesToken(tokens: readonly LoginToken[]): boolean {
  return tokens.some(
    (token) =>
      token.kind === 'unknown' ||
      (token.kind === 'features' && token.features.some(({ id }) => id === Feature.FEDAUTH)),
  )
}

/**
 * The features that a client may have through the proxy. All that they change is what the session says, which is passed
 * on as it is. What is not here is not asked for upstream, and the client goes without it, as on an older server.
 */
const PASSED: ReadonlySet<number> = new Set([
  // State that the client brings along when it connects anew: here, as before.
  Feature.SESSION_RECOVERY,
  // Always Encrypted: the client gets its keys itself, and what it sends is read by the server alone.
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
 * Left out, of those that are known:
 * - FEDAUTH: the proxy asks for its own.
 * - AZURE_SQL_SUPPORT: promises that a failover partner takes logins. The client would dial it, past the proxy, with a
 *   made-up password.
 * - AZURE_SQL_DNS_CACHING: has the client remember the address of a server, here that of the proxy, which is gone soon.
 * - ENHANCED_ROUTING: allows the server to send the client elsewhere, past the proxy. SqlClient 7 and JDBC 13.5 always
 *   ask for it (SqlClient #3641, mssql-jdbc #2935).
 */

/** The features that are asked for upstream in a client's name. */
export function passedFeatures(asked: readonly FeatureData[]): FeatureData[] {
  return asked.filter(({ id }) => PASSED.has(id))
}
