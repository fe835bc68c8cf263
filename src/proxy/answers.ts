import { EntraError, type EntraErrorCode, textOf } from '../errors/entra-error.ts'
import { passedFeatures } from '../login/token-login.ts'
import { Feature, type FeatureData } from '../tds/features.ts'
import { LoginRefusedError, type LoginToken } from '../tds/login-response.ts'
import {
  DoneStatus,
  encodeDone,
  encodeError,
  encodeFeatureExtAck,
  encodeInfo,
  type ServerMessage,
} from '../tds/tokens.ts'

/**
 * The server's answer to a login as the client is to see it, which asked for no token login: without the grants of
 * features that were not asked for in its name, FEDAUTH above all, and without FEATUREEXTACK where none is left; without
 * what would lead it past the proxy; without procedures that the server ran for itself; and with one DONE, at its end.
 * What stands behind a token that is not known cannot be vouched for, and is left out.
 *
 * @param asked - the features that the client asked for
 */
export function answerFor(tokens: readonly LoginToken[], asked: readonly FeatureData[]): Buffer {
  const wanted = new Set(passedFeatures(asked).map(({ id }) => id))
  const done = tokens.findLast((token) => token.kind === 'done' && token.final)
  const parts = tokens.map((token) => {
    switch (token.kind) {
      case 'features': {
        const granted = token.features.filter(({ id }) => wanted.has(id))
        return granted.length === 0 ? NOTHING : encodeFeatureExtAck(granted)
      }
      case 'sessionState':
        return wanted.has(Feature.SESSION_RECOVERY) ? token.bytes : NOTHING
      case 'done':
      case 'elsewhere':
      case 'fedAuthInfo':
      case 'procedure':
      case 'unknown':
        return NOTHING
      default:
        return token.bytes
    }
  })
  return Buffer.concat([...parts, done?.bytes ?? encodeDone(DoneStatus.FINAL)])
}

const NOTHING = Buffer.alloc(0)

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
  const failure = NOT_REACHED.includes(error.code)
    ? ownFailure(UNAVAILABLE, unavailable(attempt), textOf(error))
    : ownFailure(OWN_MESSAGE, loginFailed(attempt.user), textOf(error))
  const link = error.message.slice(textOf(error).length)
  return { ...failure, advice: failure.advice + link }
}

/** The server's words may have several lines, behind which `loginRefused` puts its number and state. */
function behindServersWords({ message, number, state }: EntraError): string {
  const end = `(error ${number}, state ${state})\n`
  return message.slice(message.indexOf(end) + end.length)
}

const NOT_REACHED: readonly EntraErrorCode[] = [
  'CONNECT_FAILED',
  'SERVER_NOT_FOUND',
  'SERVER_UNREACHABLE',
  'LOGIN_TIMEOUT',
]

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

/** Cuts a text into pieces, at the ends of lines where it can, else of sentences, else of words. Pure. */
export function piecesOf(text: string, longest: number): string[] {
  const lines = text.split('\n').flatMap((line) => cut(line, longest))
  return joined(lines, '\n', longest)
    .map((piece) => piece.replace(/^\n+|\n+$/g, ''))
    .filter((piece) => piece.trim() !== '')
}

function cut(line: string, longest: number): string[] {
  if (line.length <= longest) return [line]
  const sentences = line.split(/(?<=[.;:!?]) +/).flatMap((sentence) => {
    if (sentence.length <= longest) return [sentence]
    return joined(
      sentence.split(' ').flatMap((word) => chopped(word, longest)),
      ' ',
      longest,
    )
  })
  return joined(sentences, ' ', longest)
}

/** A word that is longer than a piece, such as a URL. Never between the halves of a surrogate pair. */
function chopped(word: string, longest: number): string[] {
  const parts: string[] = []
  for (let rest = word; rest !== ''; ) {
    const high = rest.charCodeAt(longest - 1)
    const end = rest.length > longest && high >= 0xd800 && high < 0xdc00 ? longest - 1 : longest
    parts.push(rest.slice(0, end))
    rest = rest.slice(end)
  }
  return parts
}

/** As many of the parts in each piece as fit. */
function joined(parts: readonly string[], by: string, longest: number): string[] {
  const pieces: string[] = []
  for (const part of parts) {
    const last = pieces.at(-1)
    if (last !== undefined && last.length + by.length + part.length <= longest)
      pieces[pieces.length - 1] = last + by + part
    else pieces.push(part)
  }
  return pieces
}
