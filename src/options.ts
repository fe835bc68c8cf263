import type { Clock, Random } from './clock.ts'
import type { SignInOptions } from './credentials/sign-in-options.ts'
import { EntraError } from './errors/entra-error.ts'
import type { AdapterEvent } from './events.ts'
import { defaultRotationTiming, type RotationTiming } from './pool/settings.ts'
import { defaultRefreshTiming, type RefreshTiming } from './token/refresh-policy.ts'
import type { TokenSource } from './token/token-source.ts'

/** The numbers of refresh and rotation. All have defaults that need no change for Entra's own tokens. */
export interface RotationOptions extends Partial<RefreshTiming>, Partial<Omit<RotationTiming, 'maxAge'>> {
  /** {@inheritDoc RotationTiming.maxAge} */
  maxAge?: number
}

/** Options of `PrismaMssqlEntra`: those of `PrismaMssql`, and how to sign in. */
export interface PrismaMssqlEntraOptions extends SignInOptions {
  /** The database schema of the models. @defaultValue the `schema` of the connection string, else the login's */
  schema?: string
  /** Called with errors of a connection pool that no query would show. */
  onPoolError?: (error: unknown) => void
  /** Called with errors of a connection that a transaction runs on. */
  onConnectionError?: (error: unknown) => void
  /** A source of tokens to share between adapters; instead of all that says how to sign in, and of `scope`. */
  tokenSource?: TokenSource
  /**
   * What the token is for.
   *
   * @defaultValue by the server's host name: `https://database.windows.net/.default` for Azure SQL, Synapse and Fabric,
   * or the US government's or China's
   */
  scope?: string
  /**
   * Signs in and connects as soon as the adapter is made, beside Prisma Client's own start: `warmUp()` is called, and
   * `$connect()`, or the first query, waits for it.
   *
   * @defaultValue false
   */
  eager?: boolean
  /** When to refresh and how to rotate. */
  rotation?: RotationOptions
  /** Called with each event: tokens acquired, refreshes failed, rotations, connections. */
  onEvent?: (event: AdapterEvent) => void
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

/** A connection must be worth its login, in ms. */
const LEAST_MAX_AGE = 10_000

/**
 * The numbers to go by: the user's, with the defaults where there are none.
 *
 * @throws {@link EntraError} `CONFIG_INVALID`
 */
export function resolveTiming(
  options: RotationOptions = {},
  connectTimeout: number | undefined,
): { refresh: RefreshTiming; rotation: RotationTiming } {
  const waitTimeout = options.waitTimeout ?? (connectTimeout || defaultRotationTiming.waitTimeout)
  const all = { ...defaultRefreshTiming, ...defaultRotationTiming, ...options, waitTimeout }
  for (const name of SHARES) check(name, all[name], all[name] >= 0 && all[name] <= 1, 'a number from 0 to 1')
  for (const name of DURATIONS) check(name, all[name], all[name] >= 0 && Number.isFinite(all[name]), 'a number of ms')
  const { maxAge } = all
  check('maxAge', maxAge, maxAge === undefined || maxAge >= LEAST_MAX_AGE, `a number of ms, ${LEAST_MAX_AGE} at least`)
  check('loginsAtOnce', all.loginsAtOnce, all.loginsAtOnce >= 1, 'a number of 1 or more')
  return { refresh: all, rotation: all }
}

function check(name: string, value: unknown, ok: boolean, wanted: string): void {
  if (!ok) throw new EntraError('CONFIG_INVALID', `rotation.${name} must be ${wanted}, not ${String(value)}.`)
}
