import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { connectFailed, loginRefused } from '../connect/connect-errors.ts'
import { EntraError } from '../errors/entra-error.ts'
import { connectToServer, type LoginAnswer, logIn } from '../tds/client-login.ts'
import { Feature } from '../tds/features.ts'
import { encodeFedAuthRequest, FedAuthLibrary } from '../tds/fed-auth.ts'
import type { LoginToken } from '../tds/login-response.ts'
import type { Login7 } from '../tds/login7.ts'
import { claimsOf } from '../token/claims.ts'
import { acknowledgesToken } from './answer.ts'
import { TDS_8_0 } from './local-login.ts'
import type { Target } from './target.ts'

/** A session that was opened with a token. */
export interface UpstreamSession {
  socket: Socket
  stream: Duplex
  /** The server's answer to the login. */
  tokens: LoginToken[]
  spid: number
  /** How often the login was sent elsewhere. */
  redirects: number
}

/** SqlClient's limit. */
const MAX_REDIRECTS = 10

/** Bits of LOGIN7's option flags (MS-TDS 2.2.6.4). */
const INTEGRATED_SECURITY = 0x80
const CHANGE_PASSWORD = 0x01

const TDS_7_4 = 0x74000004

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
  const tooLong = new AbortController()
  const { connectTimeout } = target
  const attempt: Attempt = { wishes, token, signal: AbortSignal.any([signal, tooLong.signal]), reached: false }
  const timer =
    connectTimeout > 0
      ? clock.setTimer(connectTimeout, () => tooLong.abort(timedOut(target, attempt.reached)))
      : { cancel() {} }
  const context = (database: string) => ({
    server: target.host,
    database: database || undefined,
    audience,
    claims: claimsOf(token),
    now: clock.now(),
  })
  try {
    const { answer, ...session } = await followRedirects(target, attempt)
    if (answer.kind === 'refused') {
      throw loginRefused(answer.message, context(wishes.database || (target.database ?? '')))
    }
    if (!acknowledgesToken(answer.tokens)) throw withoutToken()
    return { ...session, tokens: answer.tokens, spid: answer.spid }
  } catch (error) {
    signal.throwIfAborted()
    tooLong.signal.throwIfAborted()
    throw error instanceof EntraError ? error : connectFailed(error as Error, attempt.reached)
  } finally {
    timer.cancel()
  }
}

/** One login, over all of its redirects. */
interface Attempt {
  readonly wishes: Login7
  readonly token: string
  readonly signal: AbortSignal
  /** Whether the server that it stands at was reached. */
  reached: boolean
}

type Settled = Exclude<LoginAnswer, { kind: 'routed' }>

async function followRedirects(
  target: Target,
  attempt: Attempt,
): Promise<{ socket: Socket; stream: Duplex; redirects: number; answer: Settled }> {
  const { wishes, token, signal } = attempt
  let at = target
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    attempt.reached = false
    const onConnect = (socket: Socket) => {
      attempt.reached = true
      refusePlaintext(at, socket.remoteAddress)
    }
    const { socket, stream, prelogin } = await connectToServer(at, { signal, fedAuth: true, onConnect })
    try {
      const login = withToken(wishes, at, token, prelogin.fedAuthRequired ?? false)
      const answer = await logIn(stream, login)
      if (answer.kind !== 'accepted') socket.destroy()
      if (answer.kind !== 'routed') return { socket, stream, redirects, answer }
      at = { ...at, ...answer.routing }
    } catch (error) {
      socket.destroy()
      throw error
    }
  }
  throw connectFailed(new Error(`the server redirected the login more than ${MAX_REDIRECTS} times`), false)
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
  { host, database, encrypt }: Pick<Target, 'host' | 'database' | 'encrypt'>,
  token: string,
  echo: boolean,
): Login7 {
  const [flags1, flags2, typeFlags, flags3] = wishes.flags
  const request = encodeFedAuthRequest({ library: FedAuthLibrary.SECURITY_TOKEN, echo, token })
  return {
    ...wishes,
    // TDS 8 is TDS 7.4 within TLS, and its number is for servers that were met so.
    tdsVersion: wishes.tdsVersion === TDS_8_0 && encrypt !== 'strict' ? TDS_7_4 : wishes.tdsVersion,
    flags: [flags1, flags2 & ~INTEGRATED_SECURITY, typeFlags, flags3 & ~CHANGE_PASSWORD],
    userName: '',
    password: '',
    changePassword: '',
    sspi: Buffer.alloc(0),
    serverName: host,
    database: wishes.database || (database ?? ''),
    features: [{ id: Feature.FEDAUTH, data: request }, ...wishes.features.filter(({ id }) => id !== Feature.FEDAUTH)],
  }
}

/**
 * Where encryption was turned off in so many words, the connection must not leave this machine.
 *
 * @throws {@link EntraError} `CONFIG_PLAINTEXT`
 */
export function refusePlaintext({ host, encrypt }: Pick<Target, 'host' | 'encrypt'>, remoteAddress = ''): void {
  if (encrypt !== false || remoteAddress === '::1' || /^(::ffff:)?127\./i.test(remoteAddress)) return
  throw new EntraError(
    'CONFIG_PLAINTEXT',
    `encrypt is false for ${host}: the token would cross the network in the clear. Remove it (encryption is the ` +
      'default); for a certificate that cannot be verified there is trustServerCertificate.',
  )
}

function timedOut({ host, port, connectTimeout }: Target, reached: boolean): EntraError {
  const error = new Error(`Failed to connect to ${host}:${port} in ${connectTimeout} ms`)
  return connectFailed(Object.assign(error, { code: 'ETIMEOUT' }), reached)
}
