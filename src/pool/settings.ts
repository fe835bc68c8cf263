import type { config as MssqlConfig } from 'mssql'
import { type ConnectTiming, defaultConnectTiming } from '../login/retry.ts'
import { DEFAULT_WAIT } from '../token/token-source-options.ts'

/** What a user of the adapter can set by its option `rotation`. All durations in ms. */
export interface RotationTiming extends ConnectTiming {
  /**
   * A connection older than this is replaced even if its token is good, as by Django's `CONN_MAX_AGE`: after rights
   * have changed, or a server has moved. Up to a tenth is taken off at random. In ms, at least 10_000.
   *
   * @defaultValue off
   */
  maxAge: number | undefined
  /**
   * A rotation begins at a random moment of this share of the time from the new token to the old one's deadline, so
   * that many instances do not log in at the same second. 0 begins at once.
   *
   * @defaultValue 0.5
   */
  spread: number
  /** How many replacements log in at a time. There may be as many connections above `max` meanwhile. @defaultValue 3 */
  loginsAtOnce: number
  /**
   * How long work and `$connect` wait for a valid token, in ms.
   *
   * @defaultValue the config's connect timeout, 15_000 without one; 180_000 if a person is asked
   */
  waitTimeout: number
  /**
   * Lets statements and transactions that are running when their connection's token expires go on, for as long as the
   * server lets them. No new work begins on such a connection. For reports and transactions that take longer than a
   * token has left after its refresh, if a session may outlive its proof of identity.
   *
   * @defaultValue false
   */
  sessionsOutliveTokens: boolean
  /** How long `$disconnect` lets running work go on before it closes the connections, in ms. @defaultValue 5_000 */
  disconnectTimeout: number
  /**
   * A connection that was used within this time, in ms, is lent as it is; any other has to answer a round trip first.
   *
   * @defaultValue 500
   */
  validateAfter: number
}

export const defaultRotationTiming: RotationTiming = {
  ...defaultConnectTiming,
  maxAge: undefined,
  spread: 0.5,
  loginsAtOnce: 3,
  waitTimeout: DEFAULT_WAIT,
  sessionsOutliveTokens: false,
  disconnectTimeout: 5_000,
  validateAfter: 500,
}

/** All settings of a pool. */
export interface PoolSettings extends RotationTiming {
  /** The most connections; during a rotation there may be `loginsAtOnce` more. @defaultValue 10 */
  max: number
  /** How many idle connections stay open. None is opened for this. @defaultValue 0 */
  min: number
  /** How long work waits for a connection while all are busy, in ms. @defaultValue 30_000 */
  poolTimeout: number
  /** A connection is closed when it has been idle for this long, in ms. @defaultValue 30_000 */
  maxIdleConnectionLifetime: number
  /**
   * How long work waits after a login that failed with what is most likely a mistake, in ms, as long as there has never
   * been a connection.
   *
   * @defaultValue the user's own `connectRetryTimeout`, else 1_000
   */
  mistakeTimeout: number
}

/** For `validateAfter`: every connection is validated, or none. */
const ALWAYS = Number.NEGATIVE_INFINITY
export const NEVER = Number.POSITIVE_INFINITY

/** Together with the attempt that ends it, this is less than two seconds. */
const MISTAKE_TIMEOUT = 1_000

/**
 * The settings by an `mssql` config and the user's timing.
 *
 * @param connectRetryTimeout - the user's own
 */
export function poolSettings(config: MssqlConfig, timing: RotationTiming, connectRetryTimeout?: number): PoolSettings {
  const { max = 10, min = 0, acquireTimeoutMillis = 30_000, idleTimeoutMillis = 30_000 } = config.pool ?? {}
  const { validateConnection } = config as { validateConnection?: unknown }
  const validateAfter =
    validateConnection === true ? ALWAYS : validateConnection === false ? NEVER : timing.validateAfter
  return {
    ...timing,
    max,
    min,
    poolTimeout: acquireTimeoutMillis,
    maxIdleConnectionLifetime: idleTimeoutMillis,
    validateAfter,
    mistakeTimeout: connectRetryTimeout ?? MISTAKE_TIMEOUT,
  }
}
