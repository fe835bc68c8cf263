import type { EventEmitter } from 'node:events'
import type { EntraConnection } from '../driver/entra-connection.ts'
import { connectionOpener } from '../driver/open-connection.ts'
import { EntraError, reasonOf } from '../errors/entra-error.ts'
import type { ServerConnection } from '../login/client-login.ts'
import { withinConnectTimeout } from '../login/connect.ts'
import { beginWithoutToken } from '../login/fed-auth-info.ts'
import { loginRefused } from '../login/refusals.ts'
import type { Target } from '../login/target.ts'
import type { Setup } from '../setup.ts'
import type { FedAuthInfo } from '../tds/features.ts'
import { type Clock, Stopwatch } from '../time/clock.ts'
import type { Lease } from '../token/lease.ts'
import type { Finding } from './steps.ts'

/**
 * Begins a login as a client that has no token yet: a server that accepts Entra logins then says where to get one. Any
 * other answer decides nothing, and the login itself will show, unless the server asked for a user and a password.
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
  let answer: Awaited<ReturnType<typeof beginWithoutToken>>
  try {
    answer = await withinConnectTimeout(target, { reached: true }, { clock, signal }, (within) =>
      beginWithoutToken(target, within, connection),
    )
  } catch (error) {
    signal.throwIfAborted()
    return undecided(reasonOf(error))
  }
  const { tokens, server } = answer
  for (const token of tokens) {
    if (token.kind === 'fedAuthInfo') return accepted(token.info, server, target)
    if (token.kind !== 'error') continue
    const { host, database } = target
    const context = { server: host, database, audience, claims: undefined, now: clock.now() }
    const refusal = loginRefused(token.message, context)
    if (refusal.code === 'ENTRA_LOGIN_UNSUPPORTED') throw refusal
    return undecided(reasonOf(refusal))
  }
  return undecided(connection.prelogin.fedAuthRequired ? 'Its answer to PRELOGIN suggests that it does.' : '')
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
  const warnings = [`The server did not say whether it accepts Entra logins. ${why}`.trim()]
  return { value: null, summary: 'the login will show', warnings }
}

/** What a login is doing, by tedious's names for its states. */
const DOING: Readonly<Record<string, string>> = {
  Connecting: 'TCP',
  SentPrelogin: 'PRELOGIN',
  SentTLSSSLNegotiation: 'TLS',
  SentLogin7WithStandardLogin: 'LOGIN7',
  LoggedInSendingInitialSql: 'the first SQL batch',
}

/** Where tedious was redirected to. Not in its types. */
interface Rerouted {
  routingData: { server: string; port: number; instance?: string }
}

/** A session, and how long it took to open it, in ms. */
export interface OpenSession {
  session: EntraConnection
  loginMs: number
}

/** Logs in once, as Prisma Client does. Does not wait for a database that is not ready. */
export async function checkLogin(setup: Setup, lease: Lease, signal: AbortSignal): Promise<Finding<OpenSession>> {
  const { mssql, schema, audience, clock } = setup
  const redirectedTo: string[] = []
  let doing = 'TCP'
  const watched: typeof mssql = {
    ...mssql,
    beforeConnect(connection) {
      mssql.beforeConnect?.(connection)
      connection.on('debug', (text: string) => {
        doing = DOING[/^State change: \w+ -> (\w+)/.exec(text)?.[1] ?? ''] ?? doing
      })
      const events: EventEmitter = connection
      events.on('rerouting', () => {
        const { server, instance, port } = (connection as typeof connection & Rerouted).routingData
        redirectedTo.push(`${server}${instance ? `\\${instance}` : ''}:${port}`)
      })
    },
  }
  const opener = connectionOpener(watched, schema === undefined ? {} : { schema }, audience)
  await opener.load()
  const shown = () => (redirectedTo.length === 0 ? {} : { redirectedTo })
  const time = new Stopwatch(clock)
  try {
    const session = await opener.open(lease, signal)
    const to = redirectedTo.join(', and from there to ')
    return {
      value: { session, loginMs: time.elapsed },
      summary: `accepted, ${to === '' ? 'no redirect' : `redirected to ${to}`}`,
      details: shown(),
    }
  } catch (error) {
    const failedAt = error instanceof EntraError && error.code === 'SERVER_NOT_FOUND' && !error.number ? 'DNS' : doing
    return { error: error as Error, summary: '', details: { failedAt, ...shown() } }
  }
}
