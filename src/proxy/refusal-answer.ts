import { EntraError, rowOf, textOf } from '../errors/entra-error.ts'
import { LoginRefusedError } from '../tds/login-refused.ts'
import { DoneStatus, encodeDone, encodeError, encodeInfo, type ServerMessage } from '../tds/tokens.ts'
import { piecesOf } from './pieces.ts'

/** What a client is told of a login that fails. */
export interface LoginFailure {
  /** The first one is the one that most clients show. */
  errors: readonly ServerMessage[]
  /** What to do; empty where the errors say it all. */
  advice: string
}

/** Whose login it was, as far as its errors name it. */
export interface FailedAttempt {
  user: string
  /** Empty where the client and the target name none. */
  database: string
  /** The host of the server. */
  server: string
}

/** SQL Server's number of a refused login. */
export const LOGIN_FAILED = 18456

/** "Database … is not currently available": what a client hears where the server cannot be had. */
const UNAVAILABLE = 40613

/**
 * RAISERROR's number for a message without one. Where no token could be had, or TLS failed, there is no better: Prisma's
 * engine replaces the text of 18456 by its own, and clients try 40613 again.
 */
const OWN_MESSAGE = 50_000

/** SQL Server's severity of a refused login. */
const LOGIN_SEVERITY = 14

/** In characters. FreeTDS beneath unixODBC hangs on an error of 512, and pymssql loses it. */
const LONGEST = 511

/** SQL Server's longest name, in characters. */
const LONGEST_NAME = 128

/**
 * What a client hears where its login failed upstream. The server's own errors are passed on as they are, since clients
 * take numbers, states and names out of them; what is ours comes behind them.
 */
export function failureOf(error: unknown, attempt: FailedAttempt): LoginFailure {
  if (!(error instanceof EntraError)) {
    return ownFailure(
      UNAVAILABLE,
      unavailable(attempt),
      'The proxy could not sign in, for a reason that it does not know.',
    )
  }
  if (error.cause instanceof LoginRefusedError)
    return { errors: error.cause.messages, advice: behindServersWords(error) }
  const { proxyNumber = OWN_MESSAGE } = rowOf(error.code)
  const opening = proxyNumber === UNAVAILABLE ? unavailable(attempt) : loginFailed(attempt.user)
  const failure = ownFailure(proxyNumber, opening, textOf(error))
  const link = error.message.slice(textOf(error).length)
  return { ...failure, advice: failure.advice + link }
}

/** The server's words may have several lines, behind which `loginRefused` puts its number and state. */
function behindServersWords({ message, number, state }: EntraError): string {
  const end = `(error ${number}, state ${state})\n`
  return message.slice(message.indexOf(end) + end.length)
}

/** What a client hears that the proxy's owner does not want. */
export function ownersRefusal(user: string, why: string): LoginFailure {
  return ownFailure(OWN_MESSAGE, loginFailed(user), why)
}

/** What a client hears that is turned away at the door, as SQL Server would say it. */
export function doorsRefusal(user: string, why: string): LoginFailure {
  return ownFailure(LOGIN_FAILED, loginFailed(user), why)
}

/** SQL Server's own words for a LOGIN7 that it cannot read. */
export const UNREADABLE_LOGIN: LoginFailure = {
  errors: [
    {
      number: 17832,
      state: 1,
      class: 20,
      message:
        'The login packet used to open the connection is structurally invalid; the connection has been closed. ' +
        'Please contact the vendor of the client library.',
      serverName: 'loopback-proxy',
    },
  ],
  advice: '',
}

/** Begins as SQL Server's own errors do, by which clients know a failed login and whose it was. */
function loginFailed(user: string): string {
  return `Login failed for user '${user.slice(0, LONGEST_NAME)}'.`
}

function unavailable({ database, server }: FailedAttempt): string {
  const what =
    database === '' ? `Server '${server}'` : `Database '${database.slice(0, LONGEST_NAME)}' on server '${server}'`
  return `${what} is not currently available.`
}

/** One error: all that there is to say where it fits, else the first line of it, behind which the rest is advice. */
function ownFailure(number: number, opening: string, why: string): LoginFailure {
  const beginning = `${opening} Reason: `
  const space = LONGEST - beginning.length
  const [head = '', ...lines] = why.length <= space ? [why] : why.split('\n')
  const [reason = '', ...rest] = piecesOf(head, space)
  const message = beginning + reason.replace(/:$/, '.')
  return {
    errors: [{ number, state: 1, class: LOGIN_SEVERITY, message, serverName: 'loopback-proxy' }],
    advice: [...rest, ...lines].join('\n'),
  }
}

/** The tokens that end a login: the errors, the advice as PRINT would say it, and DONE. */
export function failedLogin({ errors, advice }: LoginFailure): Buffer {
  const infos = piecesOf(advice, LONGEST).map((message) => ({
    number: 0,
    state: 1,
    class: 0,
    message,
    serverName: 'loopback-proxy',
  }))
  return Buffer.concat([...errors.map(encodeError), ...infos.map(encodeInfo), encodeDone(DoneStatus.ERROR)])
}
