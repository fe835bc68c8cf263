import { second } from './clock.ts'
import type { Session } from './connection.ts'
import type { FaultLog, Side } from './fault-log.ts'

/** What is known about work that failed. Times are true time, in ms. */
export interface Failure {
  /** The code of an `EntraError` with its number, or the name of another error. */
  code: string
  from: number
  until: number
  database: number
  /** Whether the client was disconnected meanwhile. */
  disconnected: boolean
  /** Whether the server answered one of its statements with an error of its own. */
  failedByItself: boolean
  /** Where its last statement was sent. */
  session: Session | undefined
  /** Whether the token of that session has expired. */
  expired: boolean
  /** Whether there was a token for new work all the time. */
  hadToken: boolean
  /** Whether connections are lent without validation. */
  unvalidated: boolean
  /** Whether the client has never had a connection. */
  neverConnected: boolean
  /** Whether all connections are busy. */
  exhausted: boolean
  /** Whether the local clock is so wrong that a token looks valid that has expired by the server's. */
  misjudged: boolean
}

/** Waiting work has its token once the credential has worked for this long, in ms. */
const CREDENTIAL_RECOVERED = 9 * second
/** Waiting work has its connection once the server has worked for this long, in ms: retries are up to 25 s apart. */
const SERVER_RECOVERED = 45 * second

/** A little more than the time that work waits for a token, in ms. */
const TOKEN_WAIT = 15_100

/** Work waits at least this long if waiting may help, in ms. */
const SHORTEST_WAIT = 14 * second

/** Until there was a connection, a server that cannot be reached is taken for a mistake after this, in ms. */
const MISTAKE = 1 * second

/** A permanent failure is reported at once, and retried after 2 s. In ms. */
const FINAL = 5 * second

/** Whether the faults at that time explain a failure. */
export function isExpected(failure: Failure, faults: FaultLog): boolean {
  const { code, session, expired, database, until, from } = failure
  if (failure.disconnected) return true
  switch (code) {
    case 'TOKEN_UNAVAILABLE':
      return hadNoToken() && waitedLongEnough() && wasFaulty('credential', CREDENTIAL_RECOVERED)
    case 'TOKEN_INVALID':
      return hadNoToken() && wasFaulty('credential', CREDENTIAL_RECOVERED)
    case 'TOKEN_REFUSED 18456':
      // It waits for another token first.
      return (
        failure.misjudged ||
        faults.any([database, 'process'], until - FINAL - TOKEN_WAIT, until) ||
        wasFaulty(database, SERVER_RECOVERED)
      )
    case 'PRINCIPAL_UNKNOWN 18456':
    case 'DATABASE_NOT_FOUND 4060':
      return faults.any([database, 'process'], until - FINAL, until) || wasFaulty(database, SERVER_RECOVERED)
    case 'DATABASE_UNAVAILABLE 40613':
    case 'TOO_MANY_CONNECTIONS 10928':
    case 'LOGIN_TIMEOUT':
    case 'CONNECT_FAILED':
      return waitedLongEnough() && wasFaulty(database, SERVER_RECOVERED)
    case 'SERVER_UNREACHABLE':
      return waitedLongEnough(failure.neverConnected ? MISTAKE : SHORTEST_WAIT) && wasFaulty(database, SERVER_RECOVERED)
    case 'CONNECT_TIMEOUT':
      return waitedLongEnough() && (failure.exhausted || faults.any([database, 'process', 'credential'], from, until))
    case 'TRANSACTION_INTERRUPTED':
      return session?.endedBy === 'the network' || faults.any([database, 'credential', 'process'], from, until)
    case 'TRANSACTION_INTERRUPTED 3906':
    case 'TRANSACTION_INTERRUPTED 40613':
      return session?.isMoving === true
    case 'DATABASE_READ_ONLY 3906':
      return session === undefined ? waitedLongEnough() && wasFaulty(database, SERVER_RECOVERED) : session.isMoving
    case 'SESSION_TOKEN_EXPIRED 37396':
      return failure.unvalidated || faults.any([database, 'credential', 'process'], from, until)
    case 'NOT_SENT':
      return faults.any([database, 'credential', 'process'], from, until)
    case 'CONNECTION_LOST':
    case 'STATEMENT_TIMEOUT':
      return session?.endedBy === 'the network'
    case 'STATEMENT_TOKEN_EXPIRED':
      return expired || session?.endedBy === 'expired'
    case 'TRANSACTION_TOKEN_EXPIRED':
      // If the server refused the token, the session was closed because of that.
      return expired || session?.answers === 37396 || ['37396', 'unusable', 'expired'].includes(session?.endedBy ?? '')
    default:
      return failure.failedByItself || session?.isMoving === true
  }

  /**
   * Timers of work that a freeze came over, or a clock that was set, do not wait for what else comes late. Work that
   * begins as a freeze ends has its share: a `Retry-After` that came meanwhile counts from then on.
   */
  function wasDisturbed(): boolean {
    return faults.any(['process'], from - 1, until)
  }

  function hadNoToken(): boolean {
    return wasDisturbed() || !failure.hadToken
  }

  function waitedLongEnough(shortest = SHORTEST_WAIT): boolean {
    return wasDisturbed() || until - from >= shortest
  }

  function wasFaulty(side: Side, recovered: number): boolean {
    if (wasDisturbed()) return true
    // Work waits for a token last, and only if it needs one.
    const since = side === 'credential' ? Math.max(from, until - TOKEN_WAIT) : from
    return faults.any([side], since, until) && faults.longestSpanWithoutFault([side], since, until) < recovered
  }
}
