import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { connectFailed, loginRefused } from '../connect/connect-errors.ts'
import { EntraError } from '../errors.ts'
import { connectToServer, type LoginAnswer, logIn } from '../tds/client-login.ts'
import { Feature } from '../tds/features.ts'
import { encodeFedAuthRequest, FedAuthLibrary } from '../tds/fed-auth.ts'
import type { LoginToken } from '../tds/login-response.ts'
import type { Login7 } from '../tds/login7.ts'
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

/**
 * Logs in with a token and otherwise a client's own wishes, following redirects.
 *
 * @param signal - destroys the connection at any time, also after the login
 * @throws {@link EntraError} `LOGIN_FAILED` with the server's number, `CONNECT_FAILED`, `TLS_FAILED`, `CONFIG_PLAINTEXT`
 */
export async function logInWithToken(
  target: Target,
  wishes: Login7,
  token: string,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<UpstreamSession> {
  const tooLong = new AbortController()
  const { connectTimeout } = target
  const timer =
    connectTimeout > 0 ? clock.setTimer(connectTimeout, () => tooLong.abort(timedOut(target))) : { cancel() {} }
  try {
    return await followRedirects(target, wishes, token, AbortSignal.any([signal, tooLong.signal]))
  } catch (error) {
    signal.throwIfAborted()
    tooLong.signal.throwIfAborted()
    throw error instanceof EntraError ? error : connectFailed(error)
  } finally {
    timer.cancel()
  }
}

async function followRedirects(
  target: Target,
  wishes: Login7,
  token: string,
  signal: AbortSignal,
): Promise<UpstreamSession> {
  let at = target
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const { socket, stream, prelogin } = await connectToServer(at, { signal, fedAuth: true })
    try {
      refusePlaintext(at, socket.remoteAddress)
      const login = withToken(wishes, at, token, prelogin.fedAuthRequired ?? false)
      const answer = await logIn(stream, login)
      if (answer.kind !== 'routed') return { socket, stream, redirects, ...accepted(answer) }
      at = { ...at, ...answer.routing }
      socket.destroy()
    } catch (error) {
      socket.destroy()
      throw error
    }
  }
  throw connectFailed(new Error(`the server redirected the login more than ${MAX_REDIRECTS} times.`))
}

function accepted(answer: Exclude<LoginAnswer, { kind: 'routed' }>): Pick<UpstreamSession, 'tokens' | 'spid'> {
  if (answer.kind === 'refused') throw loginRefused(answer.message)
  if (!acknowledgesToken(answer.tokens)) {
    throw new EntraError('LOGIN_FAILED', 'The server took the login without the token: it does not know Entra logins.')
  }
  return { tokens: answer.tokens, spid: answer.spid }
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

function timedOut({ host, port, connectTimeout }: Target): EntraError {
  return connectFailed(
    new Error(`${host}:${port} did not answer within ${connectTimeout} ms. Check host, port and firewall.`),
  )
}
