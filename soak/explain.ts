import { type FaultKind, faultKinds } from './faults.ts'

/** No fault of Azure's: this process had to wait for the processor, as others probably had to. */
export const SLOW = 'machine: slow'

/** When a fault was in effect, in ms since the epoch. */
export interface FaultSpan {
  kind: FaultKind | typeof SLOW
  from: number
  /** Infinity while it is. */
  until: number
}

/** Work that failed. Times in ms since the epoch. */
export interface Failure {
  /** See {@link causeOf}. */
  cause: string
  from: number
  until: number
  /** How long the work takes by itself, waits for the database not counted, in ms. */
  ownLength: number
  /** Whether all connections that there may be were at work. */
  busy: boolean
}

interface Reason {
  faults: readonly FaultKind[]
  /** How long a fault is felt after its end, in ms. */
  felt: number
  /** Work waits at least this long before it fails so, in ms. */
  patience?: number
  /** Whether the statement may have run; where it is not said so, the error's word that it did not is checked. */
  mayHaveRun?: true
}

const startingWith = (...prefixes: string[]) =>
  faultKinds.filter((kind) => prefixes.some((prefix) => kind.startsWith(prefix)))

const AUTHORITY = startingWith('authority:')
const LOGIN = startingWith('accept:', 'prelogin:', 'tls:', 'login:')
const CUT = startingWith('request: drop', 'response: drop', 'sessions: cut')
const STUCK = startingWith('request: slow', 'request: hang', 'response: slow', 'response: hang')

/** How long work waits for a token, in ms. */
export const WAIT_TIMEOUT = 15_000
const PATIENCE = WAIT_TIMEOUT - 1_000
/** A fault that ends while a login is tried again is felt until the attempt after, in ms. */
const RETRIES = 4_000
/** An answer that was on its way when a fault ended, in ms. */
const ON_ITS_WAY = 1_000

/** A rotation that a fault holds up leaves transactions less time on their token, for as long as that lives. */
const reasons = (tokenLife: number): Record<string, Reason> => ({
  CONNECTION_LOST: { faults: CUT, felt: ON_ITS_WAY, mayHaveRun: true },
  NOT_SENT: { faults: CUT, felt: ON_ITS_WAY },
  SESSION_TOKEN_EXPIRED: { faults: ['request: 37396'], felt: ON_ITS_WAY },
  STATEMENT_TOKEN_EXPIRED: { faults: STUCK, felt: ON_ITS_WAY, mayHaveRun: true },
  TRANSACTION_TOKEN_EXPIRED: { faults: faultKinds, felt: tokenLife },
  TOKEN_UNAVAILABLE: { faults: [...AUTHORITY, 'login: 18456'], felt: 2 * RETRIES, patience: PATIENCE },
  TOKEN_REFUSED: { faults: ['login: 18456', 'authority: wrong audience'], felt: RETRIES },
  PRINCIPAL_UNKNOWN: { faults: ['login: 18456', 'authority: wrong audience'], felt: RETRIES },
  DATABASE_UNAVAILABLE: { faults: ['login: 40613'], felt: RETRIES, patience: PATIENCE },
  TOO_MANY_CONNECTIONS: { faults: ['login: 10928'], felt: RETRIES, patience: PATIENCE },
  DATABASE_NOT_FOUND: { faults: ['login: 4060'], felt: RETRIES, patience: PATIENCE },
  CONNECT_FAILED: { faults: LOGIN, felt: RETRIES, patience: PATIENCE },
  SERVER_UNREACHABLE: { faults: LOGIN, felt: RETRIES, patience: PATIENCE },
  LOGIN_TIMEOUT: { faults: LOGIN, felt: RETRIES, patience: PATIENCE },
  CONNECT_TIMEOUT: { faults: [...STUCK, ...LOGIN], felt: tokenLife, patience: PATIENCE },
  [NOT_STARTED]: { faults: [...AUTHORITY, ...LOGIN, ...STUCK], felt: tokenLife },
})

const NOT_STARTED = 'P2028 not started in time'

/**
 * What explains a failure: faults that lead to one like it and were in effect while the work ran, or shortly before.
 * Undefined where nothing does.
 *
 * @param tokenLife - in ms
 */
export function explain(failure: Failure, spans: readonly FaultSpan[], tokenLife: number): string | undefined {
  const { cause, from, until, ownLength, busy } = failure
  // A transaction shorter than this ends before its token does, with nothing wrong: the rotation comes earlier.
  if (cause === 'TRANSACTION_TOKEN_EXPIRED' && ownLength > tokenLife / 5) return 'its own length'
  const { faults, felt, patience = 0 } = reasons(tokenLife)[cause] ?? { faults: [], felt: 0 }
  const meanwhile = spans.filter((span) => span.from <= until && span.until >= from - felt).map(({ kind }) => kind)
  const seen =
    meanwhile.find((kind) => kind !== SLOW && faults.includes(kind)) ??
    meanwhile.find((kind) => kind === SLOW && faults.length > 0)
  if (seen !== undefined && until - from >= patience) return seen
  return cause === NOT_STARTED && busy ? 'no connection free' : undefined
}

/** Whether work that failed so may have taken effect. */
export function mayHaveRun(cause: string): boolean {
  const reason = reasons(0)[cause]
  return reason === undefined || reason.mayHaveRun === true
}

interface Link {
  code?: unknown
  name?: unknown
  message?: unknown
  meta?: { code?: unknown; driverAdapterError?: unknown }
  cause?: unknown
  originalCode?: unknown
}

/** By what name a failure of Prisma Client is counted: the adapter's code where there is one, else Prisma's. */
export function causeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const { code, name, message, meta, cause, originalCode } = error as Link
  // One code for whatever goes wrong with an interactive transaction.
  if (code === 'P2028') return /unable to start a transaction/i.test(String(message)) ? NOT_STARTED : 'P2028'
  if (typeof meta?.code === 'string') return meta.code
  if (meta?.driverAdapterError !== undefined) return causeOf(meta.driverAdapterError)
  if (typeof code === 'string') return code
  // The official adapter's error keeps the driver's code, or ours, in a cause that is no error itself.
  if (typeof originalCode === 'string') return originalCode
  if (cause !== undefined && typeof cause === 'object') return causeOf(cause)
  return typeof name === 'string' ? name : 'unknown'
}
