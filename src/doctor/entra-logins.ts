import { loginRefused } from '../connect/connect-errors.ts'
import { withinConnectTimeout } from '../connect/within-connect-timeout.ts'
import { type EntraError, reasonOf } from '../errors/entra-error.ts'
import type { Target } from '../proxy/target.ts'
import type { ServerConnection } from '../tds/client-login.ts'
import { Feature } from '../tds/features.ts'
import { encodeFedAuthRequest, type FedAuthInfo, FedAuthLibrary } from '../tds/fed-auth.ts'
import { type LoginToken, parseLoginResponse } from '../tds/login-response.ts'
import { encodeLogin7, MAX_LOGIN7_LENGTH } from '../tds/login7.ts'
import { MessageStream } from '../tds/message-stream.ts'
import { PacketType } from '../tds/packet.ts'
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
 * (FEDAUTHINFO), and the login is given up. A server that says something else is judged by the login itself, unless it
 * looked for a user and a password.
 */
export async function askForEntra(
  connection: ServerConnection,
  target: Target,
  audience: string,
  limits: Limits,
): Promise<Outcome<EntraSupport>> {
  const { socket, prelogin } = connection
  let answer: readonly LoginToken[]
  try {
    answer = await withinConnectTimeout(target, { reached: true }, limits, (signal) => {
      signal.addEventListener('abort', () => socket.destroy(signal.reason), { once: true })
      return beginLogin(connection, target)
    })
  } catch (error) {
    limits.signal.throwIfAborted()
    return undecided(reasonOf(error))
  } finally {
    socket.destroy()
  }
  for (const token of answer) if (token.kind === 'fedAuthInfo') return taken(token.info)
  for (const token of answer) {
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
  return undecided(prelogin.fedAuthRequired ? 'It says so in PRELOGIN alone.' : 'It says nothing of them.')
}

async function beginLogin({ stream, prelogin }: ServerConnection, target: Target): Promise<LoginToken[]> {
  const echo = prelogin.fedAuthRequired ?? false
  const data = encodeFedAuthRequest({ library: FedAuthLibrary.ADAL, echo, workflow: WORKFLOW_INTEGRATED })
  const messages = new MessageStream(stream)
  const login = {
    ...doctorWishes(),
    serverName: target.host,
    database: target.database ?? '',
    features: [{ id: Feature.FEDAUTH, data }],
  }
  messages.write(PacketType.LOGIN7, encodeLogin7(login))
  const { payload } = await messages.read(MAX_LOGIN7_LENGTH)
  return parseLoginResponse(payload)
}

function taken(info: FedAuthInfo): Outcome<EntraSupport> {
  const { stsUrl: tokensFrom, spn: audience } = info
  return { value: { info }, summary: `taken; tokens from ${tokensFrom}`, details: { tokensFrom, audience } }
}

function undecided(why: string): Outcome<EntraSupport> {
  return {
    value: { info: undefined },
    summary: 'the login will show',
    warnings: [`The server did not say whether it takes Entra logins. ${why}`],
  }
}
