import type { LateRequest } from '../src/testing/index.ts'
import { SEND_MARGIN } from '../src/token/refresh-policy.ts'
import { type FaultKind, faultKinds } from './faults.ts'
import type { Stall } from './measure.ts'

/** Not a fault of Azure's: this process had to wait for the processor, and so did the others, probably. */
export const SLOW = 'machine: slow'

/** When a fault was active, in ms since the epoch. `until` is Infinity while it still is. */
export interface FaultSpan {
  kind: FaultKind | typeof SLOW
  from: number
  until: number
}

/** How long tokens live, and how long work waits for one, in ms. */
export const TOKEN_LIFE = 10_000
export const WAIT_TIMEOUT = 15_000

interface Reason {
  faults: readonly FaultKind[]
  /** How long a fault has effects after its end, in ms. */
  felt: number
  /** Work waits at least this long before it fails like this, in ms. */
  leastWait?: number
  /** Whether the statement may have run. If not, the soak checks that it did not. */
  mayHaveRun?: true
}

const startingWith = (...prefixes: string[]) =>
  faultKinds.filter((kind) => prefixes.some((prefix) => kind.startsWith(prefix)))

const AUTHORITY = startingWith('authority:')
const LOGIN = startingWith('accept:', 'prelogin:', 'tls:', 'login:')
const CUT = startingWith('request: drop', 'response: drop', 'sessions: cut')
const STUCK = startingWith('request: slow', 'request: hang', 'response: slow', 'response: hang')

/** Until the next attempt to log in, in ms. */
const RETRY = 4_000
/** For an answer that is under way when a fault ends, in ms. */
const IN_FLIGHT = 1_000

const waited = (faults: readonly FaultKind[]): Reason => ({ faults, felt: RETRY, leastWait: WAIT_TIMEOUT - 1_000 })

const NOT_STARTED = 'P2028 not started in time'
// A batch that sets a new session up may be refused, too.
const REFUSED = {
  faults: ['login: 18456', 'authority: wrong audience', 'request: 37396'],
  felt: RETRY,
} satisfies Reason

const REASONS: Record<string, Reason> = {
  CONNECTION_LOST: { faults: CUT, felt: IN_FLIGHT, mayHaveRun: true },
  NOT_SENT: { faults: CUT, felt: IN_FLIGHT },
  TRANSACTION_INTERRUPTED: { faults: CUT, felt: IN_FLIGHT },
  SESSION_TOKEN_EXPIRED: { faults: ['request: 37396'], felt: IN_FLIGHT },
  STATEMENT_TOKEN_EXPIRED: { faults: STUCK, felt: IN_FLIGHT, mayHaveRun: true },
  // A rotation that a fault delays leaves transactions less time, as long as the token lives.
  TRANSACTION_TOKEN_EXPIRED: { faults: faultKinds, felt: TOKEN_LIFE },
  TOKEN_UNAVAILABLE: { ...waited([...AUTHORITY, 'login: 18456']), felt: 2 * RETRY },
  TOKEN_REFUSED: REFUSED,
  PRINCIPAL_UNKNOWN: REFUSED,
  DATABASE_UNAVAILABLE: waited(['login: 40613']),
  TOO_MANY_CONNECTIONS: waited(['login: 10928']),
  DATABASE_NOT_FOUND: waited(['login: 4060']),
  CONNECT_FAILED: waited(LOGIN),
  SERVER_UNREACHABLE: waited(LOGIN),
  LOGIN_TIMEOUT: waited(LOGIN),
  CONNECT_TIMEOUT: { ...waited([...STUCK, ...LOGIN]), felt: TOKEN_LIFE },
  [NOT_STARTED]: { faults: [...AUTHORITY, ...LOGIN, ...STUCK], felt: TOKEN_LIFE },
}

/**
 * Explains a failure by a fault that leads to one like it and was active while the work ran, or shortly before. Times in
 * ms since the epoch.
 *
 * @param cause - see {@link causeOf}
 * @param ownLength - how long the work takes by itself, without waiting for the database, in ms
 * @param busy - whether all connections were in use
 * @returns undefined if nothing explains it
 */
export function explain(
  cause: string,
  from: number,
  until: number,
  spans: readonly FaultSpan[],
  ownLength = 0,
  busy = false,
): string | undefined {
  // A shorter transaction ends before its token does: the rotation comes earlier.
  if (cause === 'TRANSACTION_TOKEN_EXPIRED' && ownLength > TOKEN_LIFE / 5) return 'its own length'
  const { faults, felt, leastWait = 0 } = REASONS[cause] ?? { faults: [], felt: 0 }
  const active = spans.filter((span) => span.from <= until && span.until >= from - felt).map(({ kind }) => kind)
  const seen =
    active.find((kind) => kind !== SLOW && faults.includes(kind)) ??
    active.find((kind) => kind === SLOW && faults.length > 0)
  if (seen !== undefined && until - from >= leastWait) return seen
  return cause === NOT_STARTED && busy ? 'no connection free' : undefined
}

/**
 * Whether a request came late because a process stood still for most of its way: the client sends the last one with
 * {@link SEND_MARGIN} left.
 */
export function wasHeldUp({ at, lateBy }: LateRequest, stalls: readonly Stall[]): boolean {
  const sent = at - lateBy - SEND_MARGIN
  const stood = stalls.map(({ from, until }) => Math.max(Math.min(until, at) - Math.max(from, sent), 0))
  return Math.max(0, ...stood) > (at - sent) / 2
}

/** Whether work that failed like this may have taken effect. */
export function mayHaveRun(cause: string): boolean {
  return REASONS[cause] === undefined || REASONS[cause].mayHaveRun === true
}

interface ErrorLike {
  code?: unknown
  name?: unknown
  message?: unknown
  meta?: { code?: unknown; driverAdapterError?: unknown }
  cause?: unknown
  originalCode?: unknown
}

/** The name that a failure of Prisma Client is counted by: the adapter's code if it has one, or else Prisma's. */
export function causeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const { code, name, message, meta, cause, originalCode } = error as ErrorLike
  // Prisma has one code for all that goes wrong with an interactive transaction.
  if (code === 'P2028') return /unable to start a transaction/i.test(String(message)) ? NOT_STARTED : 'P2028'
  if (typeof meta?.code === 'string') return meta.code
  if (meta?.driverAdapterError !== undefined) return causeOf(meta.driverAdapterError)
  // The official adapter keeps the driver's code, or ours, in a cause that is not an error.
  for (const found of [code, originalCode]) if (typeof found === 'string') return found
  if (typeof cause === 'object') return causeOf(cause)
  return typeof name === 'string' ? name : 'unknown'
}
