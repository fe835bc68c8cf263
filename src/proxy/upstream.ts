import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { connectFailed, loginRefused } from '../connect/connect-errors.ts'
import { withinConnectTimeout } from '../connect/within-connect-timeout.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { LoginContext } from '../errors/login-refusals.ts'
import { connectToServer, type LoginAnswer, logIn } from '../tds/client-login.ts'
import { Feature } from '../tds/features.ts'
import { encodeFedAuthRequest, FedAuthLibrary } from '../tds/fed-auth.ts'
import { LoginRefusedError } from '../tds/login-refused.ts'
import type { LoginToken } from '../tds/login-response.ts'
import { type Login7, TdsVersion } from '../tds/login7.ts'
import { claimsOf } from '../token/claims.ts'
import { acknowledgesToken } from './answer.ts'
import { databaseOf, type Target } from './target.ts'

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
  const attempt: Attempt = { wishes, token, reached: false }
  return withinConnectTimeout(target, attempt, { clock, signal }, async (within) => {
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
    return { ...session, tokens: answer.tokens, spid: answer.spid }
  })
}

/** One login, over all of its redirects. */
interface Attempt {
  readonly wishes: Login7
  readonly token: string
  /** Whether the server that it stands at was reached. */
  reached: boolean
}

type Settled = Exclude<LoginAnswer, { kind: 'routed' }>

async function followRedirects(
  target: Target,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<{ socket: Socket; stream: Duplex; redirects: number; answer: Settled }> {
  const { wishes, token } = attempt
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
    tdsVersion:
      wishes.tdsVersion === TdsVersion.TDS_8_0 && encrypt !== 'strict' ? TdsVersion.TDS_7_4 : wishes.tdsVersion,
    flags: [flags1, flags2 & ~INTEGRATED_SECURITY, typeFlags, flags3 & ~CHANGE_PASSWORD],
    userName: '',
    password: '',
    changePassword: '',
    sspi: Buffer.alloc(0),
    serverName: host,
    database: databaseOf(wishes, { database }),
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
