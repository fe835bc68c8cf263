import type { SignInOptions } from './credentials/sign-in-options.ts'
import type { OnConnect } from './driver/on-connect.ts'
import { EntraError } from './errors/entra-error.ts'
import type { AdapterEvent } from './events.ts'
import { defaultRotationTiming, type RotationTiming } from './pool/settings.ts'
import type { Telemetry } from './telemetry.ts'
import type { Clock, Random } from './time/clock.ts'
import { defaultRefreshTiming, type RefreshTiming } from './token/refresh-policy.ts'
import type { TokenSource } from './token/token-source.ts'

/** When to refresh tokens and replace connections. The defaults suit Entra's own tokens. */
export interface RotationOptions extends Partial<RefreshTiming>, Partial<RotationTiming> {}

/** Options of `PrismaMssqlEntra`: those of `PrismaMssql`, how to sign in, and when to refresh and rotate. */
export interface PrismaMssqlEntraOptions extends SignInOptions {
  /** The database schema of your models. @defaultValue the `schema` of the connection string, else the login's default schema */
  schema?: string
  /** Called with a connection's errors that belong to no query. For a lost connection see `connection.closed`. */
  onPoolError?: (error: unknown) => void
  /** Called with the errors of a connection that a transaction runs on. */
  onConnectionError?: (error: unknown) => void
  /**
   * A source of tokens to share between adapters, instead of `scope` and every option that says how to sign in. It
   * refreshes by its own `timing`: with it, the `refresh…` and `deadline…` numbers of `rotation` have no effect.
   *
   * @defaultValue its own source
   */
  tokenSource?: TokenSource
  /**
   * Allows a user and a password in the config for a server that is not on this machine, such as a container that you reach
   * by name. For a server on this machine they are always allowed, and for one on Azure never. With them no token is
   * requested, whatever the options say.
   *
   * @defaultValue false
   */
  allowPassword?: boolean
  /**
   * The scope of the token.
   *
   * @defaultValue `https://database.windows.net/.default`, or the scope of the US government's or China's cloud if the
   * server's host name is in it
   */
  scope?: string
  /**
   * Signs in and connects as soon as the adapter is created, as `warmUp()` does. `$connect()`, or the first query, waits
   * for that, so a transaction's `maxWait` does not include the first sign-in.
   *
   * @defaultValue false
   */
  eager?: boolean
  /**
   * Runs once on each new connection, before it is lent: for `sp_set_session_context`, `SET` options or a check. Work waits
   * for it as for the login. If it throws, the connection is closed, and work fails with `ON_CONNECT_FAILED`.
   */
  onConnect?: OnConnect
  /**
   * If a connection is lost during a read, runs the read again on another connection, up to three times. The statement's
   * text decides what a read is: one or more plain `SELECT`s, with no word of T-SQL outside quotes that could change
   * something (`INTO`, `OUTPUT`, `EXEC`, `NEXT VALUE FOR` …). Make sure that your reads call no function that changes
   * something. In a transaction nothing is run again.
   *
   * @defaultValue false: what may have run is never run again
   */
  retryReads?: boolean
  /** When to refresh tokens and replace connections. */
  rotation?: RotationOptions
  /** Called with each event. If it throws, or its promise is rejected, the process emits a warning and nothing else changes. */
  onEvent?: (event: AdapterEvent) => void
  /**
   * Measures operations, connections, logins, tokens and rotations: `openTelemetry()` of
   * `prisma-adapter-mssql-entra/opentelemetry`. If you share a `tokenSource`, pass it there too.
   *
   * @defaultValue nothing is measured
   */
  telemetry?: Telemetry
  /** For tests. @defaultValue the machine's clock */
  clock?: Clock
  /** For tests. @defaultValue `Math.random` */
  random?: Random
}

const SHARES = ['refreshFraction', 'refreshSpread', 'deadlineFraction', 'spread'] as const
const DURATIONS = [
  'refreshMarginMin',
  'refreshMarginMax',
  'deadlineMarginMin',
  'deadlineMarginMax',
  'waitTimeout',
  'disconnectTimeout',
  'connectRetryTimeout',
  'connectRetryInterval',
  'validateAfter',
] as const

/** In ms. A shorter life is hardly worth a login. */
const LEAST_MAX_AGE = 10_000

/**
 * The user's numbers, completed by the defaults.
 *
 * @throws {@link EntraError} `CONFIG_INVALID`
 */
export function resolveTiming(
  options: RotationOptions,
  connectTimeout: number | undefined,
): RefreshTiming & RotationTiming {
  const waitTimeout = options.waitTimeout ?? (connectTimeout || defaultRotationTiming.waitTimeout)
  const all = { ...defaultRefreshTiming, ...defaultRotationTiming, ...options, waitTimeout }
  for (const name of SHARES) check(name, all[name], all[name] >= 0 && all[name] <= 1, 'a number from 0 to 1')
  for (const name of DURATIONS) check(name, all[name], all[name] >= 0 && Number.isFinite(all[name]), 'a number of ms')
  const { maxAge } = all
  check('maxAge', maxAge, maxAge === undefined || maxAge >= LEAST_MAX_AGE, `a number of ms, at least ${LEAST_MAX_AGE}`)
  check('loginsAtOnce', all.loginsAtOnce, all.loginsAtOnce >= 1, 'a number of 1 or more')
  return all
}

function check(name: string, value: unknown, ok: boolean, wanted: string): void {
  if (!ok) throw new EntraError('CONFIG_INVALID', `rotation.${name} must be ${wanted}, not ${String(value)}.`)
}
