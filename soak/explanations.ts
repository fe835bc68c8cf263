import { type FaultKind, faultKinds } from './fault-kinds.ts'
import type { FaultLog } from './fault-log.ts'
import { CONNECT_RETRY_INTERVAL, PATIENCE, safeTransaction, TOKEN_REQUEST_TIMEOUT } from './timing.ts'

/** What is known of work that failed. Times in ms since the epoch. */
export interface Failure {
  /** See `causeOf`. */
  cause: string
  from: number
  until: number
  /** How long the work itself was to take, waits for the database not counted, in ms. */
  ownLength: number
  /** Whether work was running on all connections that there may be. */
  busy: boolean
}

/** What may have led to a failure. */
interface Reason {
  faults: readonly FaultKind[]
  /** How long a fault is felt after it is over, in ms. */
  felt?: number
  /** Work waits at least this long before it fails so, in ms. */
  patience?: number
}

const startingWith = (...prefixes: string[]) =>
  faultKinds.filter((kind) => prefixes.some((prefix) => kind.startsWith(prefix)))

const AUTHORITY = startingWith('authority:')
const LOGIN = startingWith('accept:', 'prelogin:', 'tls:', 'login:')
const CUT = startingWith('request: drop', 'response: drop', 'sessions: cut')
const REFUSED_IN_SESSION = startingWith('request: 37396')
const STUCK = startingWith('request: slow', 'request: hang', 'response: slow', 'response: hang')

/** A second attempt comes after this, in ms, and the third after twice as much: a fault between them is felt in both. */
const RETRIES = 4 * CONNECT_RETRY_INTERVAL
/** The longest `Retry-After`, and the request before it, in ms. */
const TOKEN_RETRIES = 3_000 + TOKEN_REQUEST_TIMEOUT
/** An answer that was on its way when a fault ended, in ms. */
const ON_ITS_WAY = 1_000

const unavailable = (...faults: FaultKind[]): Reason => ({ faults, felt: RETRIES, patience: PATIENCE })

/** A rotation that a fault held up leaves transactions less time on the old token: for as long as that token lives. */
function reasonsOf(cause: string, tokenLife: number): Reason[] {
  switch (cause) {
    case 'CONNECTION_LOST':
    case 'NOT_SENT':
      return [{ faults: CUT, felt: ON_ITS_WAY }]
    case 'SESSION_TOKEN_EXPIRED':
      return [{ faults: REFUSED_IN_SESSION, felt: ON_ITS_WAY }]
    case 'STATEMENT_TOKEN_EXPIRED':
      return [{ faults: STUCK, felt: ON_ITS_WAY }]
    case 'TRANSACTION_TOKEN_EXPIRED':
      return [{ faults: faultKinds, felt: tokenLife }]
    case 'TOKEN_UNAVAILABLE':
      return [{ faults: [...AUTHORITY, 'login: 18456'], felt: TOKEN_RETRIES, patience: PATIENCE }]
    case 'LOGIN_FAILED 18456':
      return [{ faults: ['login: 18456', 'authority: wrong audience'], felt: RETRIES }]
    case 'LOGIN_FAILED 40613':
      return [unavailable('login: 40613')]
    case 'LOGIN_FAILED 10928':
      return [unavailable('login: 10928')]
    case 'LOGIN_FAILED 4060':
      return [unavailable('login: 4060')]
    case 'CONNECT_FAILED':
      return [unavailable(...LOGIN)]
    case 'CONNECT_TIMEOUT':
      return [{ faults: [...STUCK, ...LOGIN], felt: tokenLife, patience: PATIENCE }]
    case 'P2028 not started in time':
      return [{ faults: [...AUTHORITY, ...LOGIN, ...STUCK], felt: tokenLife }]
    default:
      return []
  }
}

/**
 * The faults that explain a failure: they lead to one like it, and were on while the work ran, or shortly before.
 * Undefined where nothing does.
 *
 * @param tokenLife - in ms
 */
export function explain(failure: Failure, log: FaultLog, tokenLife: number): string[] | undefined {
  const { cause, from, until, ownLength, busy } = failure
  if (cause === 'TRANSACTION_TOKEN_EXPIRED' && ownLength > safeTransaction(tokenLife)) return ['its own length']
  for (const { faults, felt = 0, patience = 0 } of reasonsOf(cause, tokenLife)) {
    const seen = log.between(from - felt, until).filter((kind) => faults.includes(kind))
    if (seen.length > 0 && until - from >= patience) return seen
  }
  return cause === 'P2028 not started in time' && busy ? ['no connection free'] : undefined
}
