import type { Lease } from '../../src/token/lease.ts'
import { second } from './clock.ts'
import type { Session } from './server.ts'
import type { Side, Troubles } from './troubles.ts'

/** What is known of work that failed. All times are true ones, in ms. */
export interface Failure {
  /** The code of an `EntraError` with its number, the name of another error, or `TRANSACTION_TOKEN_EXPIRED`. */
  code: string
  from: number
  until: number
  /** Whether the client was disconnected meanwhile. */
  disconnected: boolean
  /** Where its last statement was sent. */
  session: Session | undefined
  /** Whether the token of that session has expired. */
  expired: boolean
  /** The lease that the token source had all the while and that new work could begin with; undefined if there was none. */
  freshLease: Lease | undefined
  /** Whether all connections of the current generation were at work. */
  exhausted: boolean
  /** Whether connections of earlier generations held as many as there may be. */
  crowded: boolean
}

/** With a credential that is well for this long, waiting work has its token, in ms. */
const CREDENTIAL_GOOD_ENOUGH = 9 * second
/** With a server that is well for this long, waiting work has its connection: retries are up to 25 s apart. In ms. */
const SERVER_GOOD_ENOUGH = 45 * second

/** How long work waits for a token, in ms, and a little more. */
const TOKEN_WAIT = 15_100

/** Work does not give up sooner than this where waiting may help, in ms. */
const PATIENCE = 14 * second

/** Whether a failure is one that the promises allow. */
export function isExcused(failure: Failure, troubles: Troubles): boolean {
  const { code, session, expired } = failure
  if (failure.disconnected) return true
  switch (code) {
    case 'TOKEN_UNAVAILABLE':
      return hadNoToken() && wasPatient() && wereBad('credential', CREDENTIAL_GOOD_ENOUGH)
    case 'TOKEN_INVALID':
      return hadNoToken() && wereBad('credential', CREDENTIAL_GOOD_ENOUGH)
    case 'LOGIN_FAILED 18456':
      return wereBad('server', SERVER_GOOD_ENOUGH)
    case 'LOGIN_FAILED 40613':
    case 'LOGIN_FAILED 10928':
    case 'CONNECT_FAILED':
      return wasPatient() && wereBad('server', SERVER_GOOD_ENOUGH)
    case 'SESSION_TOKEN_EXPIRED':
      // Without another token the work goes on on what sessions the old one has, ended ones among them.
      return troubles.any(['server', 'credential', 'process'], failure.from, failure.until)
    case 'NOT_SENT':
      return troubles.any(['server', 'process'], failure.from, failure.until)
    case 'CONNECTION_LOST':
      return endedByServer(session)
    case 'STATEMENT_TOKEN_EXPIRED':
      return expired
    case 'TRANSACTION_TOKEN_EXPIRED':
      return expired || session?.poisoned === true || session?.endedBy === '37396'
    case 'TimeoutError':
      return troubles.any(['server', 'process'], failure.from, failure.until)
    case 'CONNECT_TIMEOUT':
      return failure.exhausted || failure.crowded || troubles.any(['server', 'process'], failure.from, failure.until)
    default:
      return false
  }

  /** Timers of work that a freeze came over, or a clock that was set, do not wait for what else comes late. */
  function wasDisturbed(): boolean {
    return troubles.any(['process'], failure.from, failure.until)
  }

  function hadNoToken(): boolean {
    return wasDisturbed() || failure.freshLease === undefined
  }

  function wasPatient(): boolean {
    return wasDisturbed() || failure.until - failure.from >= PATIENCE
  }

  function wereBad(side: Side, goodEnough: number): boolean {
    const { until } = failure
    if (wasDisturbed()) return true
    // A token is waited for last of all, and only where it is needed.
    const from = side === 'credential' ? Math.max(failure.from, until - TOKEN_WAIT) : failure.from
    return troubles.any([side], from, until) && troubles.longestGoodSpan([side], from, until) < goodEnough
  }
}

function endedByServer(session: Session | undefined): boolean {
  return session?.endedBy === 'the server cut it' || session?.endedBy === 'the network lost it'
}
