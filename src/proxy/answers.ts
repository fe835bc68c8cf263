import { EntraError, rowOf, textOf } from '../errors/entra-error.ts'
import { passedFeatures } from '../login/token-login.ts'
import { Feature } from '../tds/features.ts'
import { LoginRefusedError, type LoginToken } from '../tds/login-response.ts'
import { isTds72, type Login7, TdsVersion } from '../tds/login7.ts'
import {
  DoneStatus,
  encodeDone,
  encodeFeatureExtAck,
  encodeServerMessage,
  type ServerMessage,
  TokenType,
} from '../tds/tokens.ts'

const NOTHING = Buffer.alloc(0)

/**
 * The server's answer to a login, as a client must see it that did not ask for a login by token. Left out are grants of
 * features that it did not ask for (FEDAUTH above all), whatever would lead it past the proxy, and procedures that the
 * server ran on its own. What follows a token of unknown type cannot be trusted, and is left out too. One DONE ends it.
 *
 * @param asked - the client's login: the features that it asked for, and its version, which LOGINACK repeats
 */
export function acceptedLogin(
  tokens: readonly LoginToken[],
  { features: asked, tdsVersion }: Pick<Login7, 'features' | 'tdsVersion'>,
): Buffer {
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
      case 'loginAck':
        return tdsVersion === TdsVersion.TDS_7_3_B ? acknowledging(token.bytes, tdsVersion) : token.bytes
      case 'done':
      case 'fedAuthInfo':
      case 'private':
      case 'unknown':
        return NOTHING
      default:
        return token.bytes
    }
  })
  return Buffer.concat([...parts, done?.bytes ?? encodeDone(DoneStatus.FINAL)])
}

/** LOGINACK with another version of TDS (MS-TDS 2.2.7.14): clients go on in the one that it names. */
function acknowledging(loginAck: Buffer, tdsVersion: number): Buffer {
  const bytes = Buffer.from(loginAck)
  bytes.writeUInt32BE(tdsVersion, 4)
  return bytes
}

/** The answer to a client whose login failed. */
export interface FailureAnswer {
  /** Most clients show the first one. */
  errors: readonly ServerMessage[]
  /** What to do; empty if the errors say it all. */
  advice: string
}

/** "Database … is not currently available". */
const NOT_AVAILABLE = 40613

/**
 * RAISERROR's number for a message without one. It is the best there is if a token request or TLS failed: Prisma's
 * engine replaces the text of 18456 with its own, and clients retry 40613.
 */
export const OWN_MESSAGE = 50_000

/** SQL Server's severity of a refused login, and of a statement that is wrong. */
const LOGIN_SEVERITY = 14
const STATEMENT_SEVERITY = 16

/** In characters. FreeTDS below unixODBC hangs on an error of 512, and pymssql loses it. */
const MAX_MESSAGE = 511

/** SQL Server's longest name, in characters. */
const MAX_NAME = 128

/** Severity of an error after which a connection is over (from 20 on). */
const FATAL = 20

function ownMessage(number: number, severity: number, message: string): ServerMessage {
  return { number, state: 1, class: severity, message, serverName: 'loopback-proxy' }
}

function ownError(number: number, severity: number, message: string, advice = ''): FailureAnswer {
  return { errors: [ownMessage(number, severity, message)], advice }
}

/** SQL Server's own words for a LOGIN7 that it cannot read. */
export const UNREADABLE_LOGIN = ownError(
  17832,
  FATAL,
  'The login packet used to open the connection is structurally invalid; the connection has been closed. ' +
    'Please contact the vendor of the client library.',
)

/** The error for a client whose session ends with its token (`endAtExpiry`). */
export const EXPIRED_SESSION = ownError(
  OWN_MESSAGE,
  FATAL,
  'The loopback proxy has ended this session, because the token that it was opened with has expired. Connect again.',
)

/**
 * The answer to a login that failed upstream. The server's errors are passed on unchanged, since clients parse their
 * numbers, states and names; our advice follows them.
 *
 * @param login - what the errors name: the `database` is empty if neither the client nor the target names one
 */
export function failedLogin(error: unknown, login: { user: string; database: string; server: string }): FailureAnswer {
  if (!(error instanceof EntraError)) {
    return ownAnswer(NOT_AVAILABLE, notAvailable(login), 'The proxy could not sign in, for an unknown reason.')
  }
  const text = textOf(error)
  if (error.cause instanceof LoginRefusedError) {
    // The server's words may have several lines. `loginRefused` ends them with number and state.
    const end = `(error ${error.number}, state ${error.state})\n`
    return { errors: error.cause.messages, advice: error.message.slice(error.message.indexOf(end) + end.length) }
  }
  // Clients try again on 40613.
  const [number, opening] =
    rowOf(error.code).failure === 'unavailable'
      ? [NOT_AVAILABLE, notAvailable(login)]
      : [OWN_MESSAGE, loginFailedFor(login.user)]
  const { errors, advice } = ownAnswer(number, opening, text)
  return { errors, advice: advice + error.message.slice(text.length) }
}

/**
 * The answer to a client that the proxy does not admit.
 *
 * @param number - the error's: 18456, or {@link OWN_MESSAGE} if the proxy's owner refuses it
 */
export function refusedLogin(number: number, user: string, why: string): FailureAnswer {
  return ownAnswer(number, loginFailedFor(user), why)
}

/** The answer to a statement that the proxy's owner refuses. */
export function refusedBatch(why: string): FailureAnswer {
  return ownError(OWN_MESSAGE, STATEMENT_SEVERITY, why)
}

/** Begins as SQL Server's own errors do, which clients parse for the user. */
function loginFailedFor(user: string): string {
  return `Login failed for user '${user.slice(0, MAX_NAME)}'.`
}

function notAvailable({ database, server }: { database: string; server: string }): string {
  const what =
    database === '' ? `Server '${server}'` : `Database '${database.slice(0, MAX_NAME)}' on server '${server}'`
  return `${what} is not currently available.`
}

/** One error: the whole reason if it fits, else its first line, and the rest as advice. */
function ownAnswer(number: number, opening: string, why: string): FailureAnswer {
  const beginning = `${opening} Reason: `
  const space = MAX_MESSAGE - beginning.length
  const [head = '', ...lines] = why.length <= space ? [why] : why.split('\n')
  const [reason = '', ...rest] = splitText(head, space)
  const advice = [...rest, ...lines].join('\n')
  return ownError(number, LOGIN_SEVERITY, beginning + reason.replace(/:$/, '.'), advice)
}

/**
 * The tokens that end a login: the errors, the advice as PRINT sends it, and DONE.
 *
 * @param tdsVersion - the client's: earlier ones have other tokens
 */
export function encodeFailure({ errors, advice }: FailureAnswer, tdsVersion: number = TdsVersion.TDS_7_4): Buffer {
  const infos = splitText(advice, MAX_MESSAGE).map((text) => ownMessage(0, 0, text))
  const done = encodeDone(DoneStatus.ERROR)
  return Buffer.concat([
    ...errors.map((each) => encodeServerMessage(TokenType.ERROR, each, tdsVersion)),
    ...infos.map((each) => encodeServerMessage(TokenType.INFO, each, tdsVersion)),
    // Before TDS 7.2, rows are counted in four bytes, not eight.
    isTds72(tdsVersion) ? done : done.subarray(0, -4),
  ])
}

/** Splits a text into parts of a length, between lines if possible, else between sentences, else between words. */
export function splitText(text: string, maxLength: number): string[] {
  const parts: string[] = []
  let rest = text.replace(/^\n+|\n+$/g, '')
  while (rest.length > maxLength) {
    const end = splitPoint(rest, maxLength)
    parts.push(rest.slice(0, end).replace(/\n+$/, ''))
    rest = rest.slice(end).replace(/^(\n+| +)/, '')
  }
  return rest === '' ? parts : [...parts, rest]
}

function splitPoint(text: string, maxLength: number): number {
  const head = text.slice(0, maxLength + 1)
  const end = [/^.*(?=\n)/s, /^.*[.;:!?](?= )/s, /^.*\S(?= )/s].map((ends) => ends.exec(head)?.[0].length ?? 0)
  const found = end.find((length) => length > 0)
  if (found !== undefined) return found
  const high = text.charCodeAt(maxLength - 1)
  return high >= 0xd800 && high < 0xdc00 ? maxLength - 1 : maxLength
}
