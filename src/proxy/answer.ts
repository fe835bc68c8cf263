import { EntraError, type EntraErrorCode } from '../errors/entra-error.ts'
import { Feature, type FeatureData } from '../tds/features.ts'
import type { LoginToken } from '../tds/login-response.ts'
import { DoneStatus, encodeDone, encodeError, encodeFeatureExtAck, type ServerMessage } from '../tds/tokens.ts'
import { LOGIN_SEVERITY } from './local-login.ts'
import { passedFeatures } from './passed-features.ts'

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

/** Whether the server took the token: it must say so (MS-TDS 3.2.5.4), if not behind a token that is not known. */
export function acknowledgesToken(tokens: readonly LoginToken[]): boolean {
  return tokens.some(
    (token) =>
      token.kind === 'unknown' ||
      (token.kind === 'features' && token.features.some(({ id }) => id === Feature.FEDAUTH)),
  )
}

/** "Database … is not currently available": what a client hears where the server cannot be had. */
const UNAVAILABLE = 40613

/**
 * RAISERROR's number for a message without one. Where no token could be had, or TLS failed, there is no better: Prisma's
 * engine replaces the text of 18456 by its own, and clients try 40613 again.
 */
const OWN_MESSAGE = 50_000

/** SQL Server's own messages are no longer, in characters. */
const MAX_MESSAGE = 2047

/** What a client hears that the proxy's owner does not want. */
export function ownMessage(message: string): ServerMessage {
  return { number: OWN_MESSAGE, state: 1, class: LOGIN_SEVERITY, message }
}

/** What a client hears where its login failed upstream: the server's number if it has one, and our message. */
export function failureMessage(error: unknown): ServerMessage {
  const known = error instanceof EntraError
  const text = known ? error.message : 'The proxy could not sign in, for a reason that it does not know.'
  return {
    number: known ? (error.number ?? numberOf(error)) : UNAVAILABLE,
    state: known ? (error.state ?? 1) : 1,
    class: LOGIN_SEVERITY,
    message: text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text,
  }
}

const NOT_REACHED: readonly EntraErrorCode[] = [
  'CONNECT_FAILED',
  'SERVER_NOT_FOUND',
  'SERVER_UNREACHABLE',
  'LOGIN_TIMEOUT',
]

function numberOf({ code }: EntraError): number {
  return NOT_REACHED.includes(code) ? UNAVAILABLE : OWN_MESSAGE
}

/** The tokens that end a login: the error, and DONE. */
export function failedLogin(message: ServerMessage): Buffer {
  return Buffer.concat([encodeError({ ...message, serverName: 'loopback-proxy' }), encodeDone(DoneStatus.ERROR)])
}
