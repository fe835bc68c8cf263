import { audienceOf, cloudOf } from '../credentials/clouds.ts'
import { emit } from '../events.ts'
import { type ConnectTiming, defaultConnectTiming } from '../login/retry.ts'
import type { Target } from '../login/target.ts'
import { type Clock, type Random, systemClock } from '../time/clock.ts'
import type { TokenSource } from '../token/token-source.ts'
import { DEFAULT_WAIT } from '../token/token-source-options.ts'
import type { ProxyEvent } from './events.ts'

/** Options of `startProxy`. */
export interface ProxyOptions {
  /** The server to sign in to; `targetOf` makes one of an `mssql` config. */
  target: Target
  /** Where the tokens come from. It is first asked when a client has given the right login. */
  tokenSource: TokenSource
  /** The `aud` claim of tokens for the server; explains refused tokens. @defaultValue by the server's host name */
  audience?: string
  /** @defaultValue a free port */
  port?: number
  /** The SQL login that it accepts. @defaultValue a random one, with 120 bits */
  login?: { user: string; password: string } | undefined
  /** Whether the process may end while the proxy and its connections are open. @defaultValue false */
  unref?: boolean
  /**
   * Whether a session is closed when its token expires.
   *
   * Prisma Client's connections are replaced in time, so none outlives its token. A session of the proxy cannot be
   * replaced: its client holds locks, temporary tables and transactions in it. Azure SQL lets a session continue after
   * its token has expired, and an hour-long migration must not fail for that. So sessions are left alone by default,
   * and each begins with a token that has some minutes left (`deadlineMarginMax` of the token source). A proxy that runs
   * for days may want the strict rule.
   *
   * @defaultValue false
   */
  endAtExpiry?: boolean
  /**
   * Refuses clients that gave the right login: returns the text of their error (50000), or undefined to admit them.
   *
   * @defaultValue admits all
   */
  refuse?: (request: LoginRequest) => string | undefined
  /**
   * Refuses a batch of SQL, by its first 64 characters: returns the text of the client's error (50000), or undefined to pass
   * the batch on. Not called for batches of several packets, nor for procedure calls.
   *
   * @defaultValue passes on all
   */
  refuseStatement?: (sql: string) => string | undefined
  /** How long a client may take to log in before it is disconnected, in ms. @defaultValue 15_000 */
  loginTimeout?: number
  /** How many connections there may be, logged in or not. @defaultValue 2_000 */
  maxConnections?: number
  /**
   * How many connections may be logging in; beyond that, the oldest of them is closed.
   *
   * @defaultValue 500
   */
  maxLogins?: number
  /** How long to wait for a token, and for a database that is paused, moving or busy. */
  timing?: Partial<ProxyTiming>
  /** Called with each event: clients that were admitted, were refused, or have disconnected. Must not throw. */
  onEvent?: (event: ProxyEvent) => void
  /** For tests. @defaultValue the system clock */
  clock?: Clock
  /** For tests. @defaultValue `Math.random` */
  random?: Random
}

/** What a client asks for. */
export interface LoginRequest {
  /** The target's if the client names none; empty if that has none either. */
  database: string
  applicationName: string
}

/** How long a login waits. */
export interface ProxyTiming extends ConnectTiming {
  /** How long a login waits for a token, in ms. @defaultValue the target's `connectTimeout` */
  waitTimeout: number
}

/** {@link ProxyOptions} with the defaults. */
export type ProxySettings = ReturnType<typeof settingsOf>

export function settingsOf(options: ProxyOptions) {
  const { target, onEvent } = options
  const waitTimeout = target.connectTimeout || DEFAULT_WAIT
  return {
    audience: audienceOf(cloudOf(target.host)),
    port: 0,
    loginTimeout: 15_000,
    maxConnections: 2_000,
    maxLogins: 500,
    unref: false,
    endAtExpiry: false,
    clock: systemClock,
    random: Math.random,
    ...options,
    timing: { ...defaultConnectTiming, waitTimeout, ...options.timing },
    emit: (event: ProxyEvent) => emit(event, onEvent),
  }
}
