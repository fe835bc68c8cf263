import { type EntraError, reasonOf } from '../errors/entra-error.ts'
import { beginLogin, connectToServer, type ServerConnection } from '../login/client-login.ts'
import { withinConnectTimeout } from '../login/connect.ts'
import { loginRefused } from '../login/refusals.ts'
import { redirected, type Target } from '../login/target.ts'
import { MAX_REDIRECTS, tooManyRedirects } from '../login/token-login.ts'
import { encodeFedAuthRequest, Feature, type FedAuthInfo, FedAuthLibrary } from '../tds/features.ts'
import type { LoginToken } from '../tds/login-response.ts'
import type { Login7 } from '../tds/login7.ts'
import type { Prelogin } from '../tds/prelogin.ts'
import type { Limits } from './limits.ts'
import { doctorWishes } from './login7.ts'
import type { Outcome } from './step.ts'

/** What a server says of the tokens that it takes; undefined where it did not come to that. */
export interface EntraSupport {
  info: FedAuthInfo | undefined
}

/** MS-TDS 2.2.6.4: whatever the workflow, the server says where tokens come from. */
const WORKFLOW_INTEGRATED = 0x02

/**
 * Begins a login as a client does that has no token yet: a server that takes Entra logins then says where to get one
 * (FEDAUTHINFO), and the login is given up. A server that sends the login elsewhere before is followed. One that says
 * something else is judged by the login itself, unless it looked for a user and a password.
 */
export async function askForEntra(
  connection: ServerConnection,
  target: Target,
  audience: string,
  limits: Limits,
): Promise<Outcome<EntraSupport>> {
  let answer: Answer
  try {
    answer = await withinConnectTimeout(target, { reached: true }, limits, (signal) => ask(connection, target, signal))
  } catch (error) {
    limits.signal.throwIfAborted()
    return undecided(reasonOf(error))
  } finally {
    connection.socket.destroy()
  }
  const { tokens, at } = answer
  for (const token of tokens) if (token.kind === 'fedAuthInfo') return taken(token.info, at, target)
  for (const token of tokens) {
    if (token.kind !== 'error') continue
    const context = {
      server: target.host,
      database: target.database,
      audience,
      claims: undefined,
      now: limits.clock.now(),
    }
    const refusal: EntraError = loginRefused(token.message, context)
    if (refusal.code === 'ENTRA_LOGIN_UNSUPPORTED') return { summary: '', error: refusal }
    return undecided(reasonOf(refusal))
  }
  return undecided(connection.prelogin.fedAuthRequired ? 'It says so in PRELOGIN alone.' : 'It says nothing of them.')
}

/** What a server said, and which one it was. */
interface Answer {
  tokens: readonly LoginToken[]
  at: Target
}

/** Asks one server after the other, until one does not send the login elsewhere. */
async function ask(first: ServerConnection, target: Target, signal: AbortSignal): Promise<Answer> {
  let [at, connection] = [target, first]
  for (let redirects = 0; ; redirects++) {
    const { socket } = connection
    const cut = () => socket.destroy(signal.reason)
    signal.addEventListener('abort', cut)
    try {
      const { tokens } = await beginLogin(connection.stream, loginWithoutToken(at, connection.prelogin))
      const routing = tokens.find((token) => token.kind === 'routing')
      if (routing?.kind !== 'routing') return { tokens, at }
      if (redirects === MAX_REDIRECTS) throw tooManyRedirects()
      at = redirected(target, routing.routing)
    } finally {
      signal.removeEventListener('abort', cut)
      socket.destroy()
    }
    connection = await connectToServer(at, { signal, fedAuth: true })
  }
}

function loginWithoutToken(at: Target, { fedAuthRequired: echo = false }: Prelogin): Login7 {
  const data = encodeFedAuthRequest({ library: FedAuthLibrary.ADAL, echo, workflow: WORKFLOW_INTEGRATED })
  return {
    ...doctorWishes(),
    serverName: at.loginName ?? at.host,
    database: at.database ?? '',
    features: [{ id: Feature.FEDAUTH, data }],
  }
}

function taken(info: FedAuthInfo, at: Target, target: Target): Outcome<EntraSupport> {
  const { stsUrl: tokensFrom, spn: audience } = info
  const redirectedTo = at === target ? undefined : `${at.loginName ?? at.host}:${at.port}`
  const by = redirectedTo === undefined ? '' : ` by ${redirectedTo}, where the login is redirected to`
  return {
    value: { info },
    summary: `taken${by}; tokens from ${tokensFrom}`,
    details: { tokensFrom, audience, redirectedTo },
  }
}

function undecided(why: string): Outcome<EntraSupport> {
  return {
    value: { info: undefined },
    summary: 'the login will show',
    warnings: [`The server did not say whether it takes Entra logins. ${why}`],
  }
}
